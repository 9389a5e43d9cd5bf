//! The errors of the library's calls.

use std::io;

use thiserror::Error;

/// Why a simulator does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimError {
    /// The address cannot be bound.
    #[error("cannot listen on the address")]
    Bind(#[source] io::Error),
    /// A setting has a value that the simulator cannot work with.
    #[error("{setting} {rule}")]
    InvalidSetting {
        /// The field of [`SimConfig`](crate::SimConfig), [`SmsProject`](crate::SmsProject) or
        /// [`PushAccount`](crate::PushAccount).
        setting: &'static str,
        /// What holds for valid values, such as `must be a UUID`.
        rule: &'static str,
    },
    /// Other machines can reach the address, and the configuration does not allow that.
    #[error("the address is not a loopback address")]
    NotLoopback,
    /// The system's random number generator failed.
    #[error("the system's random number generator failed")]
    Randomness,
}

/// Why the clock of a simulator is not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The new time is before the present one.
    #[error("the clock cannot be moved back")]
    Back,
    /// The simulator uses the system clock: see [`ClockMode::Manual`](crate::ClockMode::Manual), and
    /// `--clock manual` of the program.
    #[error("the system clock cannot be moved: start with a manual clock (--clock manual)")]
    Real,
}
