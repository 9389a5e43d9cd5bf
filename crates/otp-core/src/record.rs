//! The rules as a pure state machine. One record per subject holds its counters and its challenges.

mod attempt;
mod challenge;
mod challenges;
mod encoding;
mod invalid;
mod limiter;
mod refused;
mod subject;
#[cfg(test)]
pub(crate) mod tests;

pub use attempt::{Attempt, Consumed, NotConsumed, Rejected, Verified};
pub use challenge::{Challenge, ChallengeParts, DeliveryStatus, NewChallenge};
pub use invalid::InvalidRecord;
pub use limiter::{AttemptLimiter, CountedAttempt, LimiterParts, LockedOut, LockoutState};
pub use refused::{AttemptRefused, ConsumeRefused, OpenRefused, ResendRefused};
pub use subject::{ResendPermit, SubjectRecord};
