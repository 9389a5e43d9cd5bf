//! What the chores ask of the machine they run on: the environment, the clock, the search path.
//! The only module of this crate that reads any of them.
#![expect(
    clippy::disallowed_methods,
    reason = "the chores are a command-line tool; this module is the one place where it reads its surroundings"
)]

use std::{
    env,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The folder of the workspace.
pub(crate) fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that runs this chore.
pub(crate) fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// The rustdoc of the toolchain that runs this chore.
pub(crate) fn rustdoc() -> String {
    let beside = Path::new(&cargo()).with_file_name("rustdoc");
    if beside.is_file() { beside.display().to_string() } else { "rustdoc".to_owned() }
}

/// The value of an environment variable, unless it is unset, empty or not UTF-8.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this is an unattended run.
pub(crate) fn is_unattended() -> bool {
    variable("CI").is_some_and(|value| value != "false")
}

/// The first of `names` that is an executable on the search path.
pub(crate) fn program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

/// The user's home folder.
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
