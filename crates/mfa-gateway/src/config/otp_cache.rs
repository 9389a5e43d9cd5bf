//! `[otp_cache]`: where challenges and quotas are stored.

use super::document::{Reported, Section};

/// `[otp_cache]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtpCache {
    /// In this process. A restart loses everything.
    Memory,
    /// In a file in the data folder.
    Sqlite,
}

pub(super) fn read(section: &Section<'_>) -> Result<OtpCache, Reported> {
    section
        .key(
            "backend",
            "Where challenges, attempts and quotas are stored: \"sqlite\" is a file in data_dir; \
             \"memory\" loses them, and all counted attempts, at a restart.",
        )
        .word(&[("sqlite", OtpCache::Sqlite), ("memory", OtpCache::Memory)], OtpCache::Sqlite)
}
