//! The constants that the scripts share with Rust: the status bytes of replies, and the layout and limits
//! of [`otp_core`].

use std::{fmt::Write as _, time::Duration};

use otp_core::{Challenge, DeliveryStatus, MAX_CLOCK_LEAD, SubjectRecord, layout};

/// How much longer than needed a key lives: `PX` counts on the server's clock, the rules on the caller's.
const TTL_SLACK: Duration = Duration::from_secs(3600);

macro_rules! statuses {
    ($($(#[$doc:meta])+ $name:ident = $byte:literal;)+) => {
        /// The first byte of a reply: what the script decided. The record or the quota as it was follows.
        pub(super) mod status {
            $($(#[$doc])+ pub(in crate::redis) const $name: u8 = $byte;)+
        }

        const STATUSES: &[(&str, u8)] = &[$((stringify!($name), status::$name)),+];
    };
}

statuses! {
    /// The script did what it was asked for.
    OK = b'O';
    /// Nothing had to be changed.
    UNCHANGED = b'-';
    /// The challenge has no attempts left.
    ATTEMPTS_EXHAUSTED = b'X';
    /// The subject is blocked.
    BLOCKED = b'B';
    /// What is stored cannot be read.
    CORRUPT = b'C';
    /// A challenge of this id is open.
    DUPLICATE_ID = b'D';
    /// The challenge has expired.
    EXPIRED = b'E';
    /// The subject is locked.
    LOCKED = b'L';
    /// The subject has too many open challenges.
    TOO_MANY_OPEN = b'M';
    /// There is no such challenge.
    NOT_FOUND = b'N';
    /// The quota is used up for now.
    RATE_EXCEEDED = b'Q';
    /// The challenge has no resends left.
    RESENDS_EXHAUSTED = b'R';
    /// The charge is larger than the burst.
    TOO_LARGE = b'T';
    /// The resend cooldown has not passed.
    TOO_EARLY = b'Y';
}

/// Returns the constants as Lua locals, to be put before every script.
pub(super) fn as_lua() -> String {
    let mut lua = String::new();
    for (name, status) in STATUSES {
        let _ = writeln!(lua, "local {name} = '{}'", char::from(*status));
    }
    for (name, number) in numbers() {
        let _ = writeln!(lua, "local {name} = {number}");
    }
    lua
}

fn numbers() -> Vec<(&'static str, u64)> {
    // Lua counts from 1.
    let pos = |field: layout::Field| field.offset() as u64 + 1;
    vec![
        ("VERSION", layout::VERSION.into()),
        ("LAST_MILLIS", layout::LAST_MILLIS),
        ("MAX_COUNT", layout::MAX_COUNT.into()),
        ("MAX_OPEN", SubjectRecord::MAX_OPEN as u64),
        ("CLOCK_TOLERANCE", millis(Challenge::CLOCK_TOLERANCE)),
        ("MAX_CLOCK_LEAD", millis(MAX_CLOCK_LEAD)),
        ("TTL_SLACK", millis(TTL_SLACK)),
        ("MICROS_PER_MILLI", 1_000),
        ("HEADER_LEN", layout::HEADER_LEN as u64),
        ("VERSION_POS", pos(layout::VERSION_FIELD)),
        ("FAILURES_POS", pos(layout::CONSECUTIVE_FAILURES)),
        ("WINDOW_POS", pos(layout::ATTEMPTS_IN_WINDOW)),
        ("LOCKS_POS", pos(layout::CONSECUTIVE_LOCKS)),
        ("BLOCKED_POS", pos(layout::IS_BLOCKED)),
        ("LAST_ATTEMPT_POS", pos(layout::LAST_ATTEMPT_AT)),
        ("LOCKED_UNTIL_POS", pos(layout::LOCKED_UNTIL)),
        ("CHALLENGE_COUNT_POS", pos(layout::CHALLENGE_COUNT)),
        ("CHALLENGE_LEN", layout::CHALLENGE_LEN as u64),
        ("ID_POS", pos(layout::ID)),
        ("ID_LEN", layout::ID.len() as u64),
        ("PURPOSE_POS", pos(layout::PURPOSE)),
        ("PURPOSE_LEN", layout::PURPOSE.len() as u64),
        ("OPENED_AT_POS", pos(layout::OPENED_AT)),
        ("EXPIRES_AT_POS", pos(layout::EXPIRES_AT)),
        ("RESEND_AT_POS", pos(layout::RESEND_AT)),
        ("ATTEMPTS_POS", pos(layout::ATTEMPTS)),
        ("RESENDS_POS", pos(layout::RESENDS)),
        ("DELIVERY_POS", pos(layout::DELIVERY)),
        ("DELIVERY_PENDING", DeliveryStatus::Pending.as_u8().into()),
        ("DELIVERY_DELIVERED", DeliveryStatus::Delivered.as_u8().into()),
        ("DELIVERY_OUT_OF_RANGE", DeliveryStatus::OutOfRange.as_u8().into()),
        ("DELIVERY_FAILED", DeliveryStatus::Failed.as_u8().into()),
        ("DELIVERY_CHANGED_HANDS", DeliveryStatus::ChangedHands.as_u8().into()),
    ]
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
