//! The clock and the random generator of the system. No other file reads them.

use std::{fmt, sync::Arc, time::SystemTime};

use mfa_plugin_api::{Randomness, RandomnessUnavailable};
use rand::{TryRng, rngs::SysRng};

/// A clock. Tests replace it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the current instant.
    fn now(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the gateway's clock; all else takes the time as an argument"
        )]
        SystemTime::now()
    }
}

/// The operating system's random generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        SysRng.try_fill_bytes(out).map_err(|_| RandomnessUnavailable)
    }
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;
