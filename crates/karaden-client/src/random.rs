//! The only place of this crate that draws random numbers: from the system's generator.

use rand::{TryRng as _, rngs::SysRng};

/// Returns random bytes.
///
/// # Panics
///
/// If the system has no randomness. A tag that is not random could be that of another message.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the system has a source of randomness");
    bytes
}

/// Returns a random number for the length of a wait.
pub(crate) fn jitter() -> u64 {
    // Without randomness, the longest wait is the safe one.
    SysRng.try_next_u64().unwrap_or(u64::MAX)
}
