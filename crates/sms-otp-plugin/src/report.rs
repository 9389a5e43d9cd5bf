//! What became of a delivery report.

/// What became of a delivery report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reported {
    /// The status was recorded, and every page that waits for it was notified.
    Recorded,
    /// It says nothing new: the status is known or not final, the challenge has ended, or an earlier message
    /// of the challenge has failed and a later one is on its way.
    NothingNew,
    /// There is no message of this reference, or its code has expired.
    Unknown,
}
