//! The exit codes of the program.

use std::{fmt, process::ExitCode};

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Done.
    Done,
    /// Failed. Definitely nothing was sent.
    Failed,
    /// Refused by Karaden. Nothing was sent.
    Refused,
    /// It is unknown whether a message was sent.
    Unknown,
    /// Karaden has the message, so it must not be sent again. It did not arrive, or only in part, or its delivery
    /// could not be determined.
    Accepted,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Done => 0,
            // clap exits with 2 for wrong arguments.
            Ending::Failed => 1,
            Ending::Refused => 3,
            Ending::Unknown => 4,
            Ending::Accepted => 5,
        })
    }
}

/// Marks an error that came after Karaden had accepted what was sent.
#[derive(Debug)]
struct AfterAcceptance;

impl fmt::Display for AfterAcceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Karaden has it, do not send it again")
    }
}

/// Marks any error as one after the acceptance.
pub(crate) fn after_acceptance<T>(result: anyhow::Result<T>) -> anyhow::Result<T> {
    result.map_err(|error| error.context(AfterAcceptance))
}

/// Returns the ending for an error.
pub(crate) fn of(error: &anyhow::Error) -> Ending {
    if error.downcast_ref::<AfterAcceptance>().is_some() {
        return Ending::Accepted;
    }
    match error.downcast_ref::<karaden_client::Error>() {
        Some(error) if error.is_outcome_unknown() => Ending::Unknown,
        Some(error) if error.refusal().is_some() => Ending::Refused,
        _ => Ending::Failed,
    }
}
