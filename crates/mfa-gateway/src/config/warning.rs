//! What a configuration file may say although it is seldom meant.

use std::path::{Path, PathBuf};

use mfa_pages::Language;

use super::problem::Problem;

/// What a warning is about. The file names kinds in `gateway.accepted_warnings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WarningKind {
    /// The application is reached over a network without encryption.
    ApplicationAddress,
    /// The gateway takes its proxy for the client.
    ClientAddress,
    /// Attempts and quotas are lost at a restart.
    CountsInMemory,
    /// A size that the disk does not have.
    DiskSize,
    /// Cookies and codes travel unencrypted.
    InsecureHttp,
    /// Records that an operator needs are not logged.
    LogFilter,
    /// Sessions that last very long.
    LongSession,
    /// Limits that an office reaches.
    LowLimits,
    /// Paths that need no second factor.
    NoSecondFactor,
    /// The operations listener is open to a network.
    OpsAddress,
    /// A value of the sample file.
    Placeholder,
    /// One secret for two purposes.
    SameSecret,
    /// Passwords that are the only factor and may be short.
    ShortPasswords,
    /// Messages go to the simulator.
    Simulator,
    /// The message names another host than the pages.
    SmsHost,
    /// Service managers do not wait as long as this.
    StopTimeout,
    /// The databases are in a folder that a restart empties.
    TemporaryData,
    /// A key without effect.
    UnusedKey,
    /// No request keeps a session alive.
    UseNotCounted,
    /// Trusted proxies that can be strangers.
    WideProxies,
}

impl WarningKind {
    /// All kinds, in the order of their names.
    pub const ALL: [Self; 20] = [
        Self::ApplicationAddress,
        Self::ClientAddress,
        Self::CountsInMemory,
        Self::DiskSize,
        Self::InsecureHttp,
        Self::LogFilter,
        Self::LongSession,
        Self::LowLimits,
        Self::NoSecondFactor,
        Self::OpsAddress,
        Self::Placeholder,
        Self::SameSecret,
        Self::ShortPasswords,
        Self::Simulator,
        Self::SmsHost,
        Self::StopTimeout,
        Self::TemporaryData,
        Self::UnusedKey,
        Self::UseNotCounted,
        Self::WideProxies,
    ];

    /// Returns the name in configuration files and logs, such as `ops-address`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApplicationAddress => "application-address",
            Self::ClientAddress => "client-address",
            Self::CountsInMemory => "counts-in-memory",
            Self::DiskSize => "disk-size",
            Self::InsecureHttp => "insecure-http",
            Self::LogFilter => "log-filter",
            Self::LongSession => "long-session",
            Self::LowLimits => "low-limits",
            Self::NoSecondFactor => "no-second-factor",
            Self::OpsAddress => "ops-address",
            Self::Placeholder => "placeholder",
            Self::SameSecret => "same-secret",
            Self::ShortPasswords => "short-passwords",
            Self::Simulator => "simulator",
            Self::SmsHost => "sms-host",
            Self::StopTimeout => "stop-timeout",
            Self::TemporaryData => "temporary-data",
            Self::UnusedKey => "unused-key",
            Self::UseNotCounted => "use-not-counted",
            Self::WideProxies => "wide-proxies",
        }
    }
}

/// One thing in a configuration file that is allowed and seldom meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// Where it is, what it is, and what to do about it.
    pub problem: Problem,
}

/// The warnings about a configuration file, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings {
    file: PathBuf,
    list: Vec<Warning>,
}

impl Warnings {
    pub(super) fn new(file: &Path, list: Vec<Warning>) -> Self {
        Self { file: file.to_owned(), list }
    }

    /// Removes the warnings of these kinds.
    pub(super) fn without(mut self, accepted: &[WarningKind]) -> Self {
        self.list.retain(|warning| !accepted.contains(&warning.kind));
        self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Iterates over the warnings.
    pub fn iter(&self) -> impl Iterator<Item = &Warning> {
        self.list.iter()
    }

    /// Writes one line for each warning, without an end of line after the last.
    pub fn in_language(&self, language: Language) -> String {
        let word = match language {
            Language::En => "warning",
            Language::Ja => "警告",
        };
        let line = |Warning { kind, problem }: &Warning| {
            let label = format!("{word} [{}]: ", kind.name());
            problem.in_language(language, &self.file, &label)
        };
        self.list.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Logs one record for each warning.
    pub fn log(&self) {
        for Warning { kind, problem } in &self.list {
            tracing::warn!(
                event = "config.warning",
                kind = kind.name(),
                key = problem.key,
                line = problem.line,
                remedy = problem.remedy.en,
                "{}",
                problem.what.en
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_kind_once_and_in_order() {
        let names = WarningKind::ALL.map(WarningKind::name);
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        assert!(WarningKind::ALL.is_sorted_by(|one, next| one < next), "{:?}", WarningKind::ALL);
    }
}
