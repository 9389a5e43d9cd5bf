//! Randomness that a test can repeat, and randomness that fails.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use crate::{Randomness, RandomnessUnavailable};

/// Bytes that look random and are the same for the same seed. For tests only: anyone can predict
/// them.
///
/// ```
/// use mfa_plugin_api::Randomness as _;
///
/// let (mut one, mut two) = ([0; 32], [0; 32]);
/// mfa_plugin_api::test_kit::SeededRandomness::new(7).fill(&mut one)?;
/// mfa_plugin_api::test_kit::SeededRandomness::new(7).fill(&mut two)?;
/// assert_eq!(one, two);
/// # Ok::<(), mfa_plugin_api::RandomnessUnavailable>(())
/// ```
#[derive(Debug)]
pub struct SeededRandomness(Mutex<u64>);

impl SeededRandomness {
    /// Returns the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// Returns the next `N` bytes of the sequence.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in out.chunks_mut(8) {
            let block = next(&mut state).to_le_bytes();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

impl Randomness for SeededRandomness {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        self.write(out);
        Ok(())
    }
}

/// A generator that always fails.
#[derive(Debug, Clone, Copy)]
pub struct FailingRandomness;

impl Randomness for FailingRandomness {
    fn fill(&self, _out: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        Err(RandomnessUnavailable)
    }
}

/// A sequence that a test can make fail, and that counts its failures.
#[derive(Debug)]
pub(super) struct SwitchableRandomness {
    sequence: SeededRandomness,
    is_failing: AtomicBool,
    failures: AtomicUsize,
}

impl SwitchableRandomness {
    pub(super) fn new(seed: u64) -> Self {
        let sequence = SeededRandomness::new(seed);
        Self { sequence, is_failing: AtomicBool::new(false), failures: AtomicUsize::new(0) }
    }

    pub(super) fn set_failing(&self, is_failing: bool) {
        self.is_failing.store(is_failing, SeqCst);
    }

    pub(super) fn failures(&self) -> usize {
        self.failures.load(SeqCst)
    }
}

impl Randomness for SwitchableRandomness {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        if self.is_failing.load(SeqCst) {
            self.failures.fetch_add(1, SeqCst);
            return FailingRandomness.fill(out);
        }
        self.sequence.fill(out)
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_gives_the_published_first_values_of_seed_1234567() {
        let mut state = 1_234_567;
        assert_eq!(next(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(next(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_sequence_does_not_repeat_itself() {
        let randomness = SeededRandomness::new(0);
        assert_ne!(randomness.bytes::<32>(), randomness.bytes::<32>());
    }
}
