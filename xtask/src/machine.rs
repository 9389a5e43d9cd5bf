//! The environment, the clock and the search path of the machine. No other module of this crate reads them.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module of a command-line tool that reads environment and clock"
)]

use std::{
    env,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Returns the folder of the workspace.
pub(crate) fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Returns the cargo that runs this program.
pub(crate) fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Returns the rustc of the toolchain that runs this program.
pub(crate) fn rustc() -> String {
    beside_cargo("rustc")
}

/// Returns the rustdoc of the toolchain that runs this program.
pub(crate) fn rustdoc() -> String {
    beside_cargo("rustdoc")
}

fn beside_cargo(program: &str) -> String {
    let sibling = Path::new(&cargo()).with_file_name(program);
    if sibling.is_file() { sibling.display().to_string() } else { program.to_owned() }
}

/// Returns the value of an environment variable, or `None` if it is unset, empty or not UTF-8.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this is an unattended run: `CI` is set, and not to `false`.
pub(crate) fn is_unattended() -> bool {
    variable("CI").is_some_and(|value| value != "false")
}

/// Returns the first of `names` that is a file on the search path.
pub(crate) fn program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

/// Returns the user's home folder.
pub(crate) fn home() -> Option<String> {
    variable("HOME")
}

/// A running stopwatch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
