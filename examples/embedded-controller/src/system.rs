//! The clock and the random generator: the libraries get both as arguments.

use std::{error::Error, time::SystemTime};

use mfa_plugin_api::{Randomness, RandomnessUnavailable};
use rand::{TryRng as _, rngs::SysRng};

pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// The random generator of the system.
#[derive(Debug)]
pub(crate) struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        SysRng.try_fill_bytes(out).map_err(|_| RandomnessUnavailable)
    }
}

/// The one place where this program reads the clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a program reads the clock; libraries get it as an argument"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// A key that this process alone knows. A real server reads its keys from a secret store: after a restart
/// with other keys, codes that were sent are wrong and counters begin anew.
pub(crate) fn key() -> Result<[u8; 32]> {
    let mut key = [0; 32];
    SystemRandomness.fill(&mut key)?;
    Ok(key)
}
