//! `[otp]`: the one-time code, its limits and its keys.

use std::time::Duration;

use otp_core::{DigestKey, KeyId, KeyRing, Policy, PolicySetting, PolicySettings};
use secrecy::ExposeSecret as _;
use sms_otp_plugin::SmsOtpConfig;

use super::{
    document::{Reported, Section},
    problem::Refusal,
};

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
        .key("digits", "Digits of a code.")
        .source("NIST SP 800-63B-4, 3.1.3.2: at least 6")
        .number(SmsOtpConfig::DEFAULT_DIGITS, SmsOtpConfig::DIGITS_RANGE);
    let lifetime = section
        .key("lifetime", "How long a code can be used.")
        .source("NIST SP 800-63B-4, 3.1.3.2: at most 10 minutes")
        .duration(SmsOtpConfig::DEFAULT_LIFETIME, SmsOtpConfig::LIFETIME_RANGE);
    let policy = policy(section);
    let keys = keys(section);
    Ok(Otp { digits: digits?, lifetime: lifetime?, policy: policy?, keys: keys? })
}

/// Reads each setting of the policy within its own range; [`Policy::new`] checks all of them together.
fn policy(section: &Section<'_>) -> Result<Policy, Reported> {
    let defaults = PolicySettings::default();
    let attempts_per_challenge = section
        .key(
            key_of(PolicySetting::AttemptsPerChallenge),
            "Attempts per code. An attempt is counted before the code is compared.",
        )
        .number(defaults.attempts_per_challenge, Policy::ATTEMPTS_PER_CHALLENGE_RANGE);
    let attempts_per_subject = section
        .key(
            key_of(PolicySetting::AttemptsPerSubject),
            "Attempts of one user over all codes before the SMS code is locked for that user: no \
             fewer than attempts_per_challenge, no more than max_consecutive_failures.",
        )
        .number(defaults.attempts_per_subject, Policy::ATTEMPTS_PER_SUBJECT_RANGE);
    let quiet_period = section
        .key(
            key_of(PolicySetting::QuietPeriod),
            "The count of attempts_per_user returns to 0 after this long without an attempt.",
        )
        .renamed_from("quiet_period")
        .duration(defaults.quiet_period, Policy::QUIET_PERIOD_RANGE);
    let locks = section
        .key(
            key_of(PolicySetting::Locks),
            "The durations of the first, second and every further lockout in a row: none shorter than \
             attempts_reset_after, none shorter than the one before.",
        )
        .renamed_from("locks")
        .durations(&defaults.locks, Policy::STEPS_RANGE, Policy::LOCK_RANGE);
    let max_consecutive_failures = section
        .key(
            key_of(PolicySetting::MaxConsecutiveFailures),
            "After this many wrong codes in a row, only `mfa-gateway user unlock` helps.",
        )
        .source("NIST SP 800-63B-4, 3.2.2: at most 100")
        .renamed_from("hard_stop")
        .number(defaults.max_consecutive_failures, Policy::MAX_CONSECUTIVE_FAILURES_RANGE);
    let resends_per_challenge = section
        .key(key_of(PolicySetting::ResendsPerChallenge), "How often one code is sent again.")
        .number(defaults.resends_per_challenge, Policy::RESENDS_PER_CHALLENGE_RANGE);
    let resend_cooldowns = section
        .key(
            key_of(PolicySetting::ResendCooldowns),
            "The waits before the first, second and every further resend: none shorter than the one \
             before.",
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
            let what = format!("must be {}", problem.allowed);
            let refusal = Refusal::new(what, "change it, or the key that it depends on");
            reported = Some(section.problem(key_of(problem.setting), refusal));
        }
        reported.expect("an invalid policy has at least one problem")
    })
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
            "The key that codes are derived under. To change it, put the new key first with a new id, \
             and remove the old one after ten minutes.",
            "",
            read_key,
        )
        .into_iter()
        .collect();
    let mut keys = keys?.into_iter();
    let Some((id, key)) = keys.next() else {
        let refusal = Refusal::new("is missing", "add an [[otp.key]] with id and secret_file");
        return Err(section.problem("key", refusal));
    };
    keys.try_fold(KeyRing::new(id, key), |ring, (id, key)| ring.with_previous(id, key)).map_err(
        |duplicate| {
            let what = format!("has two keys with id {}", duplicate.0);
            section.problem("key", Refusal::new(what, "give each key its own number"))
        },
    )
}

fn read_key(section: &Section<'_>) -> Result<(KeyId, DigestKey), Reported> {
    let id = section
        .key("id", "The number of the key. Never use it again for another key.")
        .required_number(1_u32, "give each key its own number", 0..=u32::MAX);
    let secret = section
        .key("secret", "The key itself. Make one with: openssl rand -base64 48")
        .secret("otp.key", DigestKey::MIN_LEN)?;
    let key = DigestKey::from_bytes(secret.expose_secret().as_bytes());
    let key = key.map_err(|error| {
        let refusal = Refusal::new(error.to_string(), "make one with: openssl rand -base64 48");
        section.problem("secret_file", refusal)
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
