//! Whom a message goes to, as the directory says.

use std::time::{Duration, SystemTime};

use mfa_plugin_api::Subject;
use otp_core::{AllowedPrefixes, PhoneNumber};

/// The user's number, and since when it is theirs.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) phone: PhoneNumber,
    pub(crate) since: Option<SystemTime>,
}

/// Why no message can be sent to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRecipient {
    /// There is no number, or messages may not go to it.
    PhoneNumber,
    /// It is not known since when the number is the user's: the attribute is no date, or one in the future.
    /// Without the number-history check a code could go to the number's new owner, so none is sent.
    PhoneSince,
}

impl NoRecipient {
    /// Returns the name of the event in the audit trail.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::PhoneNumber => "otp.phone_number_missing",
            Self::PhoneSince => "otp.phone_since_invalid",
        }
    }
}

impl Recipient {
    /// Reads the attributes of `subject`.
    pub(crate) fn of(
        subject: &Subject,
        prefixes: AllowedPrefixes,
        now: SystemTime,
    ) -> Result<Self, NoRecipient> {
        let phone = subject.attribute(Subject::PHONE_NUMBER).ok_or(NoRecipient::PhoneNumber)?;
        let phone = PhoneNumber::from_japanese_with(phone, prefixes)
            .map_err(|_| NoRecipient::PhoneNumber)?;
        let since = match subject.attribute(Subject::PHONE_SINCE) {
            Some(date) => {
                let since = start_of_day(date).filter(|since| *since <= now);
                Some(since.ok_or(NoRecipient::PhoneSince)?)
            }
            None => None,
        };
        Ok(Self { phone, since })
    }
}

/// Japan is nine hours ahead of UTC, without daylight saving time.
const JAPAN: Duration = Duration::from_secs(9 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the instant at which a day `YYYY-MM-DD`, from 1970 on, begins in Japan.
fn start_of_day(date: &str) -> Option<SystemTime> {
    let mut fields = date.split('-');
    let mut number = |length| {
        let field = fields.next().filter(|field| field.len() == length)?;
        field.bytes().try_fold(0_u32, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if fields.next().is_some() {
        return None;
    }
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = lengths.get(..usize::try_from(month.checked_sub(1)?).ok()?)?;
    let length = *lengths.get(before.len())?;
    if year < 1970 || !(1..=length).contains(&day) {
        return None;
    }
    // The leap days of all years before this one, less those before 1970.
    let last = year - 1;
    let leap_days = last / 4 - last / 100 + last / 400 - 477;
    let days = (year - 1970) * 365 + leap_days + before.iter().sum::<u32>() + day - 1;
    SystemTime::UNIX_EPOCH.checked_add(DAY * days)?.checked_sub(JAPAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_japan() {
        // `TZ=Asia/Tokyo date -d 2026-11-30 +%s` and so on.
        for (date, expected) in [
            ("1970-01-02", 54_000),
            ("1999-12-31", 946_566_000),
            ("2000-02-29", 951_750_000),
            ("2000-03-01", 951_836_400),
            ("2024-02-29", 1_709_132_400),
            ("2026-11-30", 1_795_964_400),
            ("2100-03-01", 4_107_510_000),
        ] {
            let found = start_of_day(date).expect(date).duration_since(SystemTime::UNIX_EPOCH);
            assert_eq!(found.expect("after 1970").as_secs(), expected, "{date}");
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-1-1",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-02-29",
            "2100-02-29",
            "2026-04-31",
            "20260101",
            "2026/01/01",
            "2026-01-01 ",
            "1969-12-31",
            "２０２６-01-01",
            "2026-01-01T00:00:00Z",
            "+026-01-01",
            "2026-01-\u{1b}[",
        ] {
            assert_eq!(start_of_day(text), None, "{text:?}");
        }
    }
}
