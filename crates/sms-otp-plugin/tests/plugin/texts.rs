//! The words of the message against the limit of the sender, when the plugin is built.

use std::sync::Arc;

use otp_core::message::{Host, TemplateProblem};
use sms_otp_plugin::{
    KaradenPushSender, KaradenSmsSender, PseudonymKey, SmsOtpConfig, SmsOtpPlugin, SmsTexts,
};
use sms_sender::{RecordingSender, TextLimit};

use crate::support::{World, keys, prompt};

fn config(texts: SmsTexts) -> SmsOtpConfig {
    SmsOtpConfig::new(texts, PseudonymKey::from_bytes(&[9; 32]).unwrap())
}

fn texts(service: &str) -> SmsTexts {
    SmsTexts::new(service, Host::new("auth.example.jp").unwrap())
}

fn problems(texts: SmsTexts, limit: TextLimit) -> Vec<TemplateProblem> {
    let sender = Arc::new(RecordingSender::new().with_text_limit(limit));
    let built = SmsOtpPlugin::new(config(texts.clone()), keys(), sender);
    let checked = config(texts).check_texts(limit);
    assert_eq!(built.as_ref().err(), checked.as_ref().err());
    built.map_or_else(|e| e.template().problems().to_vec(), |_| Vec::new())
}

#[test]
fn a_text_too_long_for_the_sender_fails_when_the_plugin_is_built() {
    let long = |units: usize| texts("").with_words("ja", format!("{{code}}{}", "あ".repeat(units)));
    // The code twice, and `\n@auth.example.jp #` with a line break of three.
    let rest = 12 + 21;
    let two_parts = KaradenPushSender::TEXT_LIMIT.with_max_parts(2);
    for (units, parts, limit, fits) in [
        (70 - rest, 1, KaradenPushSender::TEXT_LIMIT, true),
        (71 - rest, 1, KaradenPushSender::TEXT_LIMIT, false),
        (71 - rest, 2, KaradenPushSender::TEXT_LIMIT, true),
        (140 - rest, 9, two_parts, true),
        (141 - rest, 9, two_parts, false),
        (490 - rest, 99, KaradenPushSender::TEXT_LIMIT, true),
        (491 - rest, 99, KaradenPushSender::TEXT_LIMIT, false),
        (491 - rest, 99, KaradenSmsSender::TEXT_LIMIT, true),
        (630 - rest, 99, KaradenSmsSender::TEXT_LIMIT, true),
        (631 - rest, 99, KaradenSmsSender::TEXT_LIMIT, false),
    ] {
        let problems = problems(long(units).with_max_parts(parts), limit);
        assert_eq!(problems.is_empty(), fits, "{units} in {parts}: {problems:?}");
        assert!(problems.iter().all(|p| matches!(p, TemplateProblem::TooLong(_))), "{problems:?}");
    }
}

#[test]
fn a_character_that_karaden_does_not_take_fails_when_the_plugin_is_built() {
    for limit in [KaradenPushSender::TEXT_LIMIT, KaradenSmsSender::TEXT_LIMIT] {
        let expected = [TemplateProblem::ExcludedCharacter('𠮷')];
        assert_eq!(problems(texts("𠮷野家"), limit), expected);
        assert_eq!(problems(texts("吉野家"), limit), []);
    }
}

#[tokio::test]
async fn a_sender_that_takes_every_character_gets_it() {
    let world = World::with_config(config(texts("𠮷野家")));
    prompt(world.login("f1").begin().await);
    assert!(world.sender.sent()[0].text().starts_with("【𠮷野家】"));
}
