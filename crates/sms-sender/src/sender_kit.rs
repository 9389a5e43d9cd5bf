//! Checks of the contract of [`SmsSender`](crate::SmsSender), for the tests of senders.
//!
//! Not covered by semver: any release may add checks.
//!
//! Implement [`Candidate`] for the sender and for a provider that the test controls, such as a mock server.
//! Then call [`check_contract`]. It makes a new candidate for each clause:
//!
//! ```
//! use sms_sender::{
//!     RecordingSender, RefusedReason, SmsSender,
//!     sender_kit::{Candidate, ProviderMode, TakenSms, check_contract},
//! };
//!
//! /// A sender and its provider in one.
//! #[derive(Debug)]
//! struct Recorder(RecordingSender);
//!
//! impl Candidate for Recorder {
//!     fn sender(&self) -> &dyn SmsSender {
//!         &self.0
//!     }
//!
//!     fn modes(&self) -> &[ProviderMode] {
//!         // It cannot stall: there is no connection.
//!         &[
//!             ProviderMode::Accepting,
//!             ProviderMode::Down,
//!             ProviderMode::FailingAfterTaking,
//!             ProviderMode::Garbled,
//!             ProviderMode::Losing,
//!             ProviderMode::RateLimiting,
//!             ProviderMode::Refusing,
//!         ]
//!     }
//!
//!     fn set_mode(&self, mode: ProviderMode) {
//!         match mode {
//!             ProviderMode::Down => self.0.fail_next(),
//!             ProviderMode::FailingAfterTaking
//!             | ProviderMode::Garbled
//!             | ProviderMode::Losing => self.0.lose_next_answer(),
//!             ProviderMode::RateLimiting => self.0.limit_next(None),
//!             ProviderMode::Refusing => self.0.refuse_next(RefusedReason::Message),
//!             _ => {}
//!         }
//!     }
//!
//!     fn requests(&self) -> usize {
//!         self.0.sent().len()
//!     }
//!
//!     fn messages(&self) -> usize {
//!         self.0.sent().len()
//!     }
//!
//!     fn last_message(&self) -> Option<TakenSms> {
//!         let sent = self.0.sent();
//!         let last = sent.last()?;
//!         Some(TakenSms::new(last.to().parse().ok()?, last.text()))
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() {
//!     check_contract(async || Recorder(RecordingSender::new())).await;
//! }
//! ```

mod candidate;
mod clauses;

pub use self::candidate::{Breach, Candidate, ProviderMode, TakenSms};

/// Checks every clause and returns those that do not hold. `fresh` makes a new candidate for each one.
pub async fn breaches<C: Candidate>(fresh: impl AsyncFn() -> C) -> Vec<Breach> {
    let checks = [
        clauses::one_message(&fresh().await).await,
        clauses::accepted(&fresh().await).await,
        clauses::in_doubt_unknown(&fresh().await).await,
        clauses::bounded(&fresh().await).await,
        clauses::on_time(&fresh().await).await,
        clauses::found_again(&fresh().await).await,
        clauses::silent(&fresh().await).await,
        clauses::says_its_limit(&fresh().await).await,
        clauses::unchanged(&fresh().await).await,
    ];
    checks.into_iter().filter_map(Result::err).collect()
}

/// Checks the sender against the contract. `fresh` makes a new candidate for each clause.
///
/// # Panics
///
/// If a clause does not hold. The message names each one that does not.
pub async fn check_contract<C: Candidate>(fresh: impl AsyncFn() -> C) {
    let breaches: Vec<String> = breaches(fresh).await.iter().map(Breach::to_string).collect();
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}
