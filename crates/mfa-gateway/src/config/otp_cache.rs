//! `[otp_cache]`: where challenges and quotas are stored.

use super::document::{Reported, Section};

/// `[otp_cache]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtpCache {
    /// In this process. A restart loses everything.
    Memory {
        /// The most users with a challenge, and as many quotas and delivery notes.
        max_entries: usize,
    },
    /// In a file in the data folder.
    Sqlite {
        /// The largest size of the file.
        max_bytes: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Memory,
    Sqlite,
}

pub(super) fn read(section: &Section<'_>) -> Result<OtpCache, Reported> {
    let backend = section
        .key(
            "backend",
            (
                "Where challenges, attempts and quotas are stored: \"sqlite\" is a file \
                 in data_dir; \"memory\" loses them, and all counted attempts, at a \
                 restart.",
                "認証コード、試行回数、送信数を保存する場所です。\"sqlite\"はdata_dirのフ\
                 ァイルです。\"memory\"は、再起動すると、数えた試行回数も含めて失われま\
                 す。",
            ),
        )
        .word(&[("sqlite", Backend::Sqlite), ("memory", Backend::Memory)], Backend::Sqlite);
    let max_mib = section
        .key(
            "max_mib",
            (
                "The largest size of the file. A full file refuses new logins until \
                 entries have expired, and those that have begun go on.",
                "ファイルの最大の大きさです。いっぱいになると、期限が切れるまで新しいログ\
                 インを受け付けません。始まっているログインは続けられます。",
            ),
        )
        .number(1024, 16..=1_048_576_u32);
    let max_entries = section
        .key(
            "max_entries",
            (
                "With \"memory\": the most users with a challenge, and as many quotas. A \
                 full store behaves as a full file.",
                "\"memory\"のときの、認証コードを持つユーザーの最大数です。送信数の記録も\
                 同じ数までです。いっぱいになったときの動作は、ファイルの場合と同じです。",
            ),
        )
        .number(1_000_000, 10_000..=100_000_000_u32);
    let (backend, max_mib, max_entries) = (backend?, max_mib?, max_entries?);
    Ok(match backend {
        Backend::Memory => {
            OtpCache::Memory { max_entries: usize::try_from(max_entries).unwrap_or(usize::MAX) }
        }
        Backend::Sqlite => OtpCache::Sqlite { max_bytes: u64::from(max_mib) * 1024 * 1024 },
    })
}
