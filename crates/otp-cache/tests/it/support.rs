//! What the tests of several backends share.

pub(crate) mod redis;

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use otp_core::{ChallengeId, KeyId, NewChallenge, Nonce, Purpose};
use tempfile::TempDir;

/// The instant at which the tests of faults begin.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// One of five minutes for a login, told apart by its number.
pub(crate) fn challenge(number: u8) -> NewChallenge {
    NewChallenge {
        id: ChallengeId::from_bytes([number; 16]),
        purpose: Purpose::LOGIN,
        kid: KeyId::new(1),
        nonce: Nonce::from_bytes([number; 16]),
        expires_at: now() + Duration::from_secs(300),
    }
}

/// A folder, and the path of a store file in it that is not there yet.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("otp.db");
    (folder, path)
}
