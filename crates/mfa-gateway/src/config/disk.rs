//! `[disk]`: how much space the databases need.

use super::document::{Reported, Section};

const MIB: u64 = 1024 * 1024;

/// `[disk]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// A warning is logged below this much free space.
    pub warn_bytes: u64,
    /// Below this much free space, the audit trail only counts what strangers cause.
    pub reserve_bytes: u64,
}

pub(super) fn read(section: &Section<'_>) -> Result<Disk, Reported> {
    let warn = section
        .key(
            "warn_below_mib",
            (
                "A warning is logged when gateway.data_dir has less free space than this, in MiB.",
                "gateway.data_dirの空き容量（MiB）がこれより少なくなると、警告をログに書\
                 きます。",
            ),
        )
        .number(1024, 0..=1_048_576);
    let reserve = section
        .key(
            "reserve_mib",
            (
                "With less free space than this, in MiB, the audit trail only counts what needs no \
                 password, so that there is space for the records of logins.",
                "空き容量（MiB）がこれより少なくなると、監査記録は、パスワードなしで起こ\
                 せる出来事の数だけを数えます。ログインの記録のための容量を残すためです。",
            ),
        )
        .number(64, 0..=1_048_576);
    let (warn, reserve): (u32, u32) = (warn?, reserve?);
    section.ensure_at_most(("reserve_mib", reserve), ("warn_below_mib", warn))?;
    Ok(Disk { warn_bytes: u64::from(warn) * MIB, reserve_bytes: u64::from(reserve) * MIB })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::problems_in;

    #[test]
    fn the_reserve_is_the_smaller_one() {
        assert_eq!(
            problems_in("warn_below_mib = 63\n", read),
            ["1:1: reserve_mib: is more than warn_below_mib; make it the smaller one"]
        );
        assert!(problems_in("warn_below_mib = 64\n", read).is_empty());
    }
}
