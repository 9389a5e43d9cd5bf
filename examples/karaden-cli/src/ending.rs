//! How the program ends, as an exit code that scripts can rely on.

use std::process::ExitCode;

/// The endings of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Done.
    Done,
    /// Failed; surely nothing was sent.
    Failed,
    /// Refused by Karaden.
    Refused,
    /// It is unknown whether a message was sent.
    Unknown,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Done => 0,
            // 2 is clap's, for wrong use.
            Ending::Failed => 1,
            Ending::Refused => 3,
            Ending::Unknown => 4,
        })
    }
}

/// The ending that an error stands for.
pub(crate) fn of(error: &anyhow::Error) -> Ending {
    match error.downcast_ref::<karaden_client::Error>() {
        Some(error) if error.is_outcome_unknown() => Ending::Unknown,
        Some(error) if error.refusal().is_some() => Ending::Refused,
        _ => Ending::Failed,
    }
}
