//! Randomness as a parameter.

use std::fmt::Debug;

use rand::{TryRng as _, rngs::SysRng};

/// A source of random numbers for the jitter of waits. No secret is made from it.
pub trait Randomness: Debug + Send + Sync + 'static {
    /// Returns the next number, uniform over all of `u64`.
    fn next_u64(&self) -> u64;
}

/// The operating system's randomness: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn next_u64(&self) -> u64 {
        // Without entropy, the longest wait is the safe one.
        SysRng.try_next_u64().unwrap_or(u64::MAX)
    }
}

/// A source that always returns the same number, for tests and for programs without jitter.
#[derive(Clone, Copy, Debug)]
pub struct FixedRandomness(pub u64);

impl Randomness for FixedRandomness {
    fn next_u64(&self) -> u64 {
        self.0
    }
}
