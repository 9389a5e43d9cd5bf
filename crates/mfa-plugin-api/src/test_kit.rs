//! For the tests of plugins: a minimal host, and checks of the contracts of
//! [`MfaPlugin`](crate::MfaPlugin) and [`Enrol`](crate::Enrol).
//!
//! Not covered by semver: any release may add checks.
//!
//! Implement [`Candidate`] for the plugin and run [`check_contract`] in a test. The README shows both. For a
//! plugin with enrolment, implement [`EnrolCandidate`] too and run [`check_enrolment`]. [`check_clause`] and
//! [`check_enrolment_clause`] run one clause.
//!
//! If the plugin waits on a timer, pause the runtime's (with Tokio `start_paused = true`): a call that does
//! not end within five seconds of real time is a fault.

mod audit;
mod candidate;
mod contract;
mod enrolment;
mod guesses;
mod limit;
mod login;
mod names;
mod others;
mod race;
mod randomness;
mod repeated;

pub use self::{
    audit::RecordingAudit,
    candidate::Candidate,
    contract::{Clause, check_clause, check_contract},
    enrolment::{EnrolCandidate, EnrolClause, check_enrolment, check_enrolment_clause},
    login::TestLogin,
    randomness::{FailingRandomness, SeededRandomness},
};
