//! The rules as a pure state machine. One record per subject holds its counters and its challenges.

mod attempt;
mod challenge;
mod challenges;
mod encoding;
mod refused;
mod subject;
#[cfg(test)]
pub(crate) mod tests;

pub use attempt::{Attempt, Consumed, LockoutState, NotConsumed, Rejected, Verified};
pub use challenge::{Challenge, ChallengeParts, DeliveryStatus, NewChallenge};
pub use encoding::InvalidRecord;
pub use refused::{AttemptRefused, ConsumeRefused, OpenRefused, ResendRefused};
pub use subject::{ResendPermit, SubjectRecord};
