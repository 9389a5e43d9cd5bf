//! What must hold for every input and every sequence of events.

#![expect(clippy::unwrap_used, reason = "helpers of tests outside of `#[test]` functions")]

mod codes;
mod messages;
mod oath;
mod rates;
mod reading;
mod record;

use std::{
    cell::Cell,
    time::{Duration, SystemTime},
};

use otp_core::{DigestKey, KeyId, KeyRing};
use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};

/// Fixed seeds, so a failure is a failure for everybody.
fn config() -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(0x6f74_7021);
    ProptestConfig { cases: 400, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_000 + millis)
}

fn ring(key: u8) -> KeyRing {
    KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[key; 32]).unwrap())
}

fn bytes(n: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    bytes
}

/// Holds `property` against values of `strategy`, and asserts that it saw both sides of its question
/// often: what only ever looks at refusals proves nothing.
fn on_both_sides<S: Strategy>(
    strategy: S,
    property: impl Fn(S::Value) -> Result<bool, TestCaseError>,
) {
    let (yes, no) = (Cell::new(0), Cell::new(0));
    let result = TestRunner::new(config()).run(&strategy, |value| {
        let side = if property(value)? { &yes } else { &no };
        side.set(side.get() + 1);
        Ok(())
    });
    result.unwrap();
    assert!(yes.get() >= 40 && no.get() >= 40, "{} yes, {} no", yes.get(), no.get());
}
