//! `[otp]`: the one-time code, its limits and its keys.

use std::time::Duration;

use otp_core::{AllowedValues, DigestKey, KeyId, KeyRing, Policy, PolicySetting, PolicySettings};
use secrecy::ExposeSecret as _;
use sms_otp_plugin::SmsOtpConfig;

use super::{
    document::{Reported, Section},
    duration,
    key::missing,
    problem::Refusal,
    secret::MAKE_ONE,
};

const OWN_NUMBER: (&str, &str) =
    ("give each key its own number", "鍵ごとに別の番号を付けてください");

/// `[otp]`
#[derive(Debug, Clone)]
pub struct Otp {
    /// The number of digits of a code.
    pub digits: u8,
    /// How long a code can be used.
    pub lifetime: Duration,
    /// The limits on attempts and resends.
    pub policy: Policy,
    /// The keys that codes are derived under.
    pub keys: KeyRing,
}

pub(super) fn read(section: &Section<'_>) -> Result<Otp, Reported> {
    let digits = section
        .key("digits", ("Digits of a code.", "認証コードの桁数です。"))
        .source(("NIST SP 800-63B-4, 3.1.3.2: at least 6", "NIST SP 800-63B-4, 3.1.3.2：6桁以上"))
        .number(SmsOtpConfig::DEFAULT_DIGITS, SmsOtpConfig::DIGITS_RANGE);
    let lifetime = section
        .key("lifetime", ("How long a code can be used.", "認証コードを使える時間です。"))
        .source((
            "NIST SP 800-63B-4, 3.1.3.2: at most 10 minutes",
            "NIST SP 800-63B-4, 3.1.3.2：10分以下",
        ))
        .duration(SmsOtpConfig::DEFAULT_LIFETIME, SmsOtpConfig::LIFETIME_RANGE);
    let policy = policy(section);
    let keys = keys(section);
    let (lifetime, policy) = (lifetime?, policy?);
    ensure_resends_are_possible(section, lifetime, &policy)?;
    Ok(Otp { digits: digits?, lifetime, policy, keys: keys? })
}

/// Refuses waits before the first resend in which the code expires.
fn ensure_resends_are_possible(
    section: &Section<'_>,
    lifetime: Duration,
    policy: &Policy,
) -> Result<(), Reported> {
    let first = policy.resend_cooldowns().first().copied().unwrap_or_default();
    if policy.resends_per_challenge() == 0 || first < lifetime {
        return Ok(());
    }
    let refusal = Refusal::new(
        (
            "leaves no time for a resend: the code expires first",
            "再送信できるようになる前に、認証コードの有効期限が切れます",
        ),
        (
            "make the first wait shorter than otp.lifetime, or set resends = 0",
            "最初の待ち時間をotp.lifetimeより短くするか、resends = 0にしてください",
        ),
    );
    Err(section.problem(key_of(PolicySetting::ResendCooldowns), refusal))
}

/// Reads each setting of the policy within its own range; [`Policy::new`] checks all of them together.
fn policy(section: &Section<'_>) -> Result<Policy, Reported> {
    let defaults = PolicySettings::default();
    let attempts_per_challenge = section
        .key(
            key_of(PolicySetting::AttemptsPerChallenge),
            (
                "Attempts per code. An attempt is counted before the code is compared.",
                "1つの認証コードを入力できる回数です。認証コードと比べる前に数えます。",
            ),
        )
        .number(defaults.attempts_per_challenge, Policy::ATTEMPTS_PER_CHALLENGE_RANGE);
    let attempts_per_subject = section
        .key(
            key_of(PolicySetting::AttemptsPerSubject),
            (
                "Attempts of one user over all codes before the SMS code is locked for \
                 that user: no fewer than attempts_per_challenge, no more than \
                 max_consecutive_failures.",
                "1人のユーザーが、すべての認証コードを通じて入力できる回数です。達する\
                 と、そのユーザーのSMS認証を一時的に停止します。attempts_per_challenge以\
                 上、max_consecutive_failures以下にします。",
            ),
        )
        .number(defaults.attempts_per_subject, Policy::ATTEMPTS_PER_SUBJECT_RANGE);
    let quiet_period = section
        .key(
            key_of(PolicySetting::QuietPeriod),
            (
                "The count of attempts_per_user returns to 0 after this long without an attempt.",
                "入力がないままこの時間が経つと、attempts_per_userの回数が0に戻ります。",
            ),
        )
        .renamed_from("quiet_period")
        .duration(defaults.quiet_period, Policy::QUIET_PERIOD_RANGE);
    let locks = section
        .key(
            key_of(PolicySetting::Locks),
            (
                "The durations of the first, second and every further lockout in a row: \
                 none shorter than attempts_reset_after, none shorter than the one \
                 before.",
                "続けて停止したときの、1回目、2回目、それ以降の停止の長さです。どれも\
                 attempts_reset_after以上、1つ前以上にします。",
            ),
        )
        .renamed_from("locks")
        .durations(&defaults.locks, Policy::STEPS_RANGE, Policy::LOCK_RANGE);
    let max_consecutive_failures = section
        .key(
            key_of(PolicySetting::MaxConsecutiveFailures),
            (
                "After this many wrong codes in a row, only `mfa-gateway user unlock` helps.",
                "続けてこの回数を誤ると、`mfa-gateway user unlock`でしか再開できなくなります。",
            ),
        )
        .source(("NIST SP 800-63B-4, 3.2.2: at most 100", "NIST SP 800-63B-4, 3.2.2：100以下"))
        .renamed_from("hard_stop")
        .number(defaults.max_consecutive_failures, Policy::MAX_CONSECUTIVE_FAILURES_RANGE);
    let resends_per_challenge = section
        .key(
            key_of(PolicySetting::ResendsPerChallenge),
            ("How often one code is sent again.", "同じ認証コードを再送信できる回数です。"),
        )
        .number(defaults.resends_per_challenge, Policy::RESENDS_PER_CHALLENGE_RANGE);
    let resend_cooldowns = section
        .key(
            key_of(PolicySetting::ResendCooldowns),
            (
                "The waits before the first, second and every further resend: none \
                 shorter than the one before.",
                "1回目、2回目、それ以降の再送信までの待ち時間です。どれも1つ前以上にしま\
                 す。",
            ),
        )
        .durations(&defaults.resend_cooldowns, Policy::STEPS_RANGE, Policy::RESEND_COOLDOWN_RANGE);
    let settings = PolicySettings {
        attempts_per_challenge: attempts_per_challenge?,
        attempts_per_subject: attempts_per_subject?,
        quiet_period: quiet_period?,
        locks: locks?,
        max_consecutive_failures: max_consecutive_failures?,
        resends_per_challenge: resends_per_challenge?,
        resend_cooldowns: resend_cooldowns?,
        ..defaults
    };
    Policy::new(settings).map_err(|invalid| {
        let mut reported = None;
        for problem in invalid.problems() {
            reported = Some(section.problem(key_of(problem.setting), dependent(&problem.allowed)));
        }
        reported.expect("an invalid policy has at least one problem")
    })
}

/// Returns the refusal of a value that another key leaves no room for.
fn dependent(allowed: &AllowedValues) -> Refusal {
    let in_japanese = match allowed {
        AllowedValues::Count(range) => {
            format!("{}から{}までの整数にする必要があります", range.start(), range.end())
        }
        AllowedValues::Steps { len, each } => format!(
            "{}から{}までの長さを、短い順に{}個から{}個並べる必要があります",
            duration::show(*each.start()),
            duration::show(*each.end()),
            len.start(),
            len.end()
        ),
        _ => format!("許される値は次のとおりです（{allowed}）"),
    };
    let remedy = (
        "change it, or the key that it depends on",
        "この値か、関係するキーの値を変更してください",
    );
    Refusal::new((format!("must be {allowed}"), in_japanese), remedy)
}

/// Returns the key for a setting of the policy.
const fn key_of(setting: PolicySetting) -> &'static str {
    match setting {
        PolicySetting::AttemptsPerSubject => "attempts_per_user",
        PolicySetting::Locks => "lockout_durations",
        PolicySetting::QuietPeriod => "attempts_reset_after",
        PolicySetting::ResendsPerChallenge => "resends",
        PolicySetting::AttemptsPerChallenge
        | PolicySetting::MaxConsecutiveFailures
        | PolicySetting::ResendCooldowns
        | PolicySetting::UndeliveredCooldown => setting.name(),
    }
}

fn keys(section: &Section<'_>) -> Result<KeyRing, Reported> {
    let keys: Result<Vec<_>, Reported> = section
        .array(
            "key",
            (
                "The key that codes are derived under. To change it, put the new key \
                 first with a new id, and remove the old one after ten minutes.",
                "認証コードを導き出す鍵。変更するときは、新しいidの新しい鍵を先頭に加え、\
                 10分後に古い鍵を削除します。",
            ),
            "",
            read_key,
        )
        .into_iter()
        .collect();
    let mut keys = keys?.into_iter();
    let Some((id, key)) = keys.next() else {
        let refusal = missing((
            "add an [[otp.key]] with id and secret_file",
            "idとsecret_fileを書いた[[otp.key]]を加えてください",
        ));
        return Err(section.problem("key", refusal));
    };
    keys.try_fold(KeyRing::new(id, key), |ring, (id, key)| ring.with_previous(id, key)).map_err(
        |duplicate| {
            let id = duplicate.0;
            let what = (format!("has two keys with id {id}"), format!("idが{id}の鍵が2つあります"));
            section.problem("key", Refusal::new(what, OWN_NUMBER))
        },
    )
}

fn read_key(section: &Section<'_>) -> Result<(KeyId, DigestKey), Reported> {
    let id = section
        .key(
            "id",
            (
                "The number of the key. Never use it again for another key.",
                "鍵の番号です。別の鍵に使い回さないでください。",
            ),
        )
        .required_number(1_u32, OWN_NUMBER, 0..=u32::MAX);
    // By its number and not by its place: a new key comes before the old one.
    let number = id.map_or("ID".to_owned(), |id| id.to_string());
    let secret = section
        .key(
            "secret",
            (
                "The key itself. Make one with: openssl rand -base64 48",
                "鍵です。作り方：openssl rand -base64 48",
            ),
        )
        .by_variable(format!("MFA_OTP_KEY_{number}_SECRET_FILE"))
        .secret("otp.key", DigestKey::MIN_LEN)?;
    let key = DigestKey::from_bytes(secret.expose_secret().as_bytes());
    let key = key.map_err(|error| {
        let what = (error.to_string(), "鍵が短すぎます");
        section.problem("secret_file", Refusal::new(what, MAKE_ONE))
    })?;
    Ok((KeyId::new(id?), key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::problems_in;

    const KEY: &str = "[[key]]\nid = 1\nsecret = \"0123456789abcdef0123456789abcdef\"\n";

    fn problems(text: &str) -> Vec<String> {
        problems_in(&format!("{text}{KEY}"), read)
    }

    #[test]
    fn values_that_do_not_fit_together_are_named_by_their_keys() {
        assert_eq!(
            problems("attempts_reset_after = \"20m\"\nattempts_per_user = 4\n"),
            [
                "1:1: lockout_durations: must be 1 to 8 ascending durations between 20 minutes and \
                 24 hours; change it, or the key that it depends on",
                "2:21: attempts_per_user: must be between 5 and 100; change it, or the key that it \
                 depends on",
            ]
        );
    }

    #[test]
    fn a_code_can_be_sent_again_before_it_expires() {
        let found = problems("lifetime = \"1m\"\n");
        assert_eq!(
            found,
            ["1:1: resend_cooldowns: leaves no time for a resend: the code expires \
              first; make the first wait shorter than otp.lifetime, or set resends = 0"]
        );
        assert!(problems("lifetime = \"61s\"\n").is_empty());
        assert!(problems("lifetime = \"1m\"\nresends = 0\n").is_empty());
    }

    #[test]
    fn old_names_point_to_the_new_ones() {
        let found =
            problems("quiet_period = \"20m\"\nlocks = [\"30m\"]\nhard_stop = 50\n").join("\n");
        for (old, new) in [
            ("quiet_period", "attempts_reset_after"),
            ("locks", "lockout_durations"),
            ("hard_stop", "max_consecutive_failures"),
        ] {
            assert!(found.contains(&format!("{old}: is now called {new}; write {new}")), "{found}");
        }
    }

    #[test]
    fn each_key_has_its_own_number() {
        let found = problems(KEY);
        assert!(found[0].contains("key: has two keys with id 1; "), "{found:?}");
        let found = problems(&KEY.replace("id = 1\n", ""));
        assert!(found[0].contains("key[0].id: is missing; "), "{found:?}");
        let found = problems_in("", read);
        assert_eq!(found, ["1:1: key: is missing; add an [[otp.key]] with id and secret_file"]);
    }
}
