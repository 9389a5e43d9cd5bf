//! A file system of 2 MiB that only one child process sees, for tests of full disks.
//!
//! It needs root or user namespaces. Without either the tests fail.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Returns a command that runs `program` with an empty file system of 2 MiB mounted at `folder`.
///
/// The caller adds the program's arguments. The mount ends with the process.
///
/// # Panics
///
/// If this user cannot mount a file system in a namespace.
pub fn command(folder: &Path, program: impl AsRef<OsStr>) -> Command {
    let mount = "mount -t tmpfs -o size=2m,mode=700 tmpfs \"$1\" && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(namespaces()).args(["sh", "-c", mount, "sh"]).arg(folder).arg(program);
    command.stdin(Stdio::null());
    command
}

/// Returns the options of `unshare` (util-linux). For root a mount namespace is enough.
fn namespaces() -> &'static [&'static str] {
    const OPTIONS: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
    let works = |options: &&&[&str]| {
        let mut attempt = Command::new("unshare");
        attempt.args(**options).args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"]);
        attempt.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    OPTIONS.iter().find(works).expect(
        "this test mounts a file system: run it as root (in a container with CAP_SYS_ADMIN), or where \
         users may make namespaces (`unshare --mount --map-root-user`, package util-linux)",
    )
}

/// A file that takes all space of its file system. Dropping it removes the file.
#[derive(Debug)]
pub struct Filler(PathBuf);

impl Filler {
    /// Fills the file system that has `path`, with a file next to it.
    ///
    /// # Panics
    ///
    /// If there is no space for the first byte, or if the file system does not become full.
    pub fn next_to(path: &Path) -> Self {
        let filler = Self(path.with_file_name("filler"));
        let mut file: File =
            OpenOptions::new().append(true).create(true).open(&filler.0).expect("space");
        // In smaller and smaller pieces, so that no byte is left.
        for size in [65_536, 4_096, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        let full = file.write_all(&[1]).expect_err("not one more byte");
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        filler
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("the filler's own file");
    }
}
