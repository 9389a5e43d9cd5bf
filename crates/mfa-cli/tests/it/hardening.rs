//! What the process itself gives up.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    process::Command,
};

use crate::{
    harness::{BINARY, Demo, configure, free_port},
    serving::Serving,
};

/// Not root: the files of a process that runs as root belong to root in any case.
const SOME_USER: u32 = 61_234;

/// Returns the limit of core dumps, and whether other processes of the same user may look into the process.
async fn hardened(arguments: &[&str]) -> (String, bool) {
    let (demo, folder) = (Demo::start(), tempfile::tempdir().expect("a folder"));
    let file = configure(folder.path(), &demo, free_port(), "");
    let program = folder.path().join("mfa-gateway");
    fs::copy(BINARY, &program).expect("a copy");
    let mut command = Command::new(&program);
    command.args(["serve", "--config", &file]).args(arguments);
    let own = fs::metadata(folder.path()).expect("a folder").uid();
    let user = if own == 0 { SOME_USER } else { own };
    if own == 0 {
        for entry in fs::read_dir(folder.path()).expect("a folder").flatten() {
            std::os::unix::fs::chown(entry.path(), Some(user), Some(user)).expect("root");
        }
        std::os::unix::fs::chown(folder.path(), Some(user), Some(user)).expect("root");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("an own file");
        command.uid(user).gid(user);
    }
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut gateway = Serving::spawn(command, log.path());
    gateway.until_started().await;
    let process = format!("/proc/{}", gateway.id());
    let limits = fs::read_to_string(format!("{process}/limits")).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.expect("the limit").split_whitespace().skip(4).take(2).collect();
    // Such files of a process that is not dumpable belong to root (proc(5)).
    let owner = fs::metadata(format!("{process}/environ")).expect("a process").uid();
    (core.join(" "), owner == user)
}

#[tokio::test]
async fn a_process_leaves_no_core_dump_and_lets_no_debugger_in() {
    assert_eq!(hardened(&[]).await, ("0 0".to_owned(), false));
}

#[tokio::test]
async fn core_dumps_can_be_allowed() {
    let (_, is_open) = hardened(&["--allow-core-dumps"]).await;
    assert!(is_open);
}
