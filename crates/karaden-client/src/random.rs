//! Randomness as a parameter.

use std::fmt::Debug;

use rand::{TryRng as _, rngs::SysRng};

/// A source of random numbers for the jitter of waits. Nothing secret is made of it.
pub trait Randomness: Debug + Send + Sync + 'static {
    /// The next number, uniform over all of `u64`.
    fn next_u64(&self) -> u64;
}

/// The operating system's randomness: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn next_u64(&self) -> u64 {
        // Without entropy the longest wait is the careful one.
        SysRng.try_next_u64().unwrap_or(u64::MAX)
    }
}

/// Always the same number: for tests and for programs that want no jitter.
#[derive(Clone, Copy, Debug)]
pub struct FixedRandomness(pub u64);

impl Randomness for FixedRandomness {
    fn next_u64(&self) -> u64 {
        self.0
    }
}
