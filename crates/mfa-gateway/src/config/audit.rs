//! `[audit]`: the audit trail.

use std::time::Duration;

use super::{
    document::{Reported, Section},
    duration::minutes,
};

const DAY: Duration = minutes(24 * 60);

/// `[audit]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// A segment ends when its first record is older than this.
    pub segment_age: Duration,
    /// A segment ends when it has this many records.
    pub segment_records: u64,
}

pub(super) fn read(section: &Section<'_>) -> Result<Audit, Reported> {
    let segment_age = section
        .key(
            "segment_age",
            (
                "A segment of the audit trail is sealed when its first record is older than this. \
                 `mfa-gateway audit archive` moves sealed segments to another place.",
                "監査記録の区切りは、最初の記録がこれより古くなると封をします。封をした区\
                 切りは、`mfa-gateway audit archive`で別の場所に移せます。",
            ),
        )
        .duration(30 * DAY, DAY..=366 * DAY);
    let segment_records = section
        .key(
            "segment_records",
            (
                "A segment is sealed when it has this many records.",
                "監査記録の区切りは、記録がこの数になると封をします。",
            ),
        )
        .number(1_000_000, 1000..=100_000_000);
    let segment_records: u32 = segment_records?;
    Ok(Audit { segment_age: segment_age?, segment_records: segment_records.into() })
}
