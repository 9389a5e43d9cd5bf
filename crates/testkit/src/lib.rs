//! Tools that the tests of every crate share.
//!
//! - [`ManualClock`], [`SeededRandomness`] and [`FailingRandomness`]: time and randomness under a test's control.
//! - [`RecordingAudit`] and [`LogCapture`]: recorders for the audit trail and the log.
//! - [`LeakScanner`]: finds secrets in what was recorded or written.
//! - [`html`]: a strict reader of our pages.
//! - [`MOBILE_NUMBERS`], [`NUMBER_SEPARATORS`]: the spellings of phone numbers that all crates read alike.
//! - [`small_disk`]: a small file system that a test can fill.
//! - [`Prism`]: checks requests and responses against an OpenAPI file.
//! - [`measure`]: the result rows of benchmarks.
//!
//! A dev-dependency only: no product code uses this crate.

mod clock;
pub mod html;
mod leak;
mod log;
pub mod measure;
mod phone;
mod prism;
pub mod small_disk;

pub use crate::{
    clock::ManualClock,
    leak::{Leak, LeakScanner},
    log::LogCapture,
    phone::{MOBILE_NUMBERS, NUMBER_SEPARATORS},
    prism::Prism,
};
pub use mfa_plugin_api::test_kit::{FailingRandomness, RecordingAudit, SeededRandomness};
