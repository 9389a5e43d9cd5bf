//! Tools that the tests of every crate share: a clock and randomness that a test steers, recorders
//! for the audit trail and the log, a scanner that looks for secrets in what they recorded, a strict
//! reader of HTML, a small file system that can be filled, Prism for holding programs against an OpenAPI file, and the rows of measurements.
//!
//! A dev-dependency only: no product code names this crate.

mod clock;
pub mod html;
mod leak;
mod log;
pub mod measure;
mod prism;
pub mod small_disk;

pub use crate::{
    clock::ManualClock,
    leak::{Leak, LeakScanner},
    log::LogCapture,
    prism::Prism,
};
pub use mfa_plugin_api::test_kit::{FailingRandomness, RecordingAudit, SeededRandomness};
