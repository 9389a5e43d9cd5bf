//! The tables of the file, step by step. A released step is never changed.

use sqlite_group_commit::Layout;

/// The mark of the file, "MFAU", and its migrations.
///
/// The mark tells it from the file of the OTP cache, which lies next to it.
pub(crate) const LAYOUT: Layout = Layout::new(
    0x4d46_4155,
    &[
        include_str!("migrations/0001.sql"),
        include_str!("migrations/0002.sql"),
        include_str!("migrations/0003.sql"),
        include_str!("migrations/0004.sql"),
    ],
);
