//! How the program ends, as an exit code that scripts can rely on.

use std::{fmt, process::ExitCode};

/// The endings of the program.
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
    /// Karaden has it, so that it must not be sent again: it did not arrive, or not all of it, or
    /// what became of it could not be found out.
    Accepted,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Done => 0,
            // 2 is clap's, for wrong use.
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

/// Marks the error, whatever it is, as one that came after the acceptance.
pub(crate) fn after_acceptance<T>(result: anyhow::Result<T>) -> anyhow::Result<T> {
    result.map_err(|error| error.context(AfterAcceptance))
}

/// The ending that an error stands for.
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
