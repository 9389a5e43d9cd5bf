//! The promises of the types.

use std::{
    fmt::Debug,
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::*;

#[test]
fn a_factor_name_is_1_to_64_lower_case_letters_digits_and_hyphens() {
    let check = |name: &str, is_good: bool| {
        assert_eq!(FactorId::new(name.to_owned()).is_ok(), is_good, "{name:?}");
        assert_eq!(name.parse::<FactorId>().is_ok(), is_good, "{name:?}");
        assert_eq!(FactorId::try_from(name.to_owned()).is_ok(), is_good, "{name:?}");
    };
    check("a", true);
    check("sms-otp", true);
    check("totp2", true);
    check(&"a".repeat(64), true);
    check(&"a".repeat(65), false);
    for bad in ["", "-a", "2fa", "Sms", "sms_otp", "sms otp", "ｓms", "sms\n"] {
        check(bad, false);
    }
    assert_eq!(FactorId::new("sms-otp"), Ok(FactorId::from_static("sms-otp")));
    assert_eq!(FactorId::PASSWORD.to_string(), "password");
}

#[test]
fn a_name_is_shown_parsed_and_borrowed_as_its_text() {
    fn check<N: AsRef<str> + ToString + FromStr<Err: Debug> + PartialEq + Debug>(name: &N) {
        let text: &str = name.as_ref();
        assert_eq!(text, "some-name");
        assert_eq!(name.to_string(), text);
        assert_eq!(&text.parse::<N>().unwrap(), name);
    }
    check(&FactorId::from_static("some-name"));
    check(&FlowId::new("some-name"));
    check(&ActionId::from_static("some-name"));
    check(&AuthenticationMethod::new("some-name"));
}

#[test]
fn debug_names_attributes_and_fields_but_not_their_values() {
    let subject = Subject::new("t", "alice").with_attribute("phone_number", "+819012345678");
    let shown = format!("{subject:?}");
    assert!(shown.contains("phone_number") && !shown.contains("9012345678"), "{shown}");

    let typed = Submission::new().with("code", "123456");
    let shown = format!("{typed:?}");
    assert!(shown.contains("code") && !shown.contains("123456"), "{shown}");

    let shown = format!("{:?}", PluginState::from_bytes("state-of-the-plugin"));
    assert_eq!(shown, "PluginState(19 bytes)");
}

#[test]
fn a_later_value_replaces_an_earlier_one() {
    let subject = Subject::new("t", "a").with_attribute("x", "1").with_attribute("x", "2");
    assert_eq!(subject.attribute("x"), Some("2"));
    assert_eq!(subject.attribute("y"), None);
    let typed = Submission::new().with("x", "1").with("x", "2");
    assert_eq!(typed.value("x"), Some("2"));
    let services = Services::new().with(1_u8).with(2_u8);
    assert_eq!(services.find::<u8>(), Some(&2));
}

#[test]
fn services_are_found_by_their_exact_type() {
    let services = Services::new().with(Arc::new(7_u32)).with("text");
    assert_eq!(services.find::<Arc<u32>>().map(|n| **n), Some(7));
    assert_eq!(services.find::<&str>(), Some(&"text"));
    assert_eq!(services.find::<u32>(), None);
    assert!(format!("{services:?}").contains("Arc<u32>"));
    let copy = services.clone();
    assert!(copy.find::<Arc<u32>>().is_some());
}

#[test]
#[should_panic(expected = "not a factor name")]
fn from_static_refuses_a_bad_factor_name() {
    FactorId::from_static("SMS OTP");
}

#[test]
fn a_message_keeps_its_arguments_in_order() {
    let at = SystemTime::UNIX_EPOCH;
    let message = Message::new("key")
        .with("n", 1_u64)
        .with("d", Duration::from_secs(2))
        .with("t", at)
        .with("s", "x");
    let args: Vec<_> = message.args().map(|(name, value)| (name, value.clone())).collect();
    let expected = [
        ("n", Arg::Count(1)),
        ("d", Arg::Duration(Duration::from_secs(2))),
        ("t", Arg::Instant(at)),
        ("s", Arg::Text("x".to_owned())),
    ];
    assert_eq!(args, expected);
}

#[test]
fn an_error_names_the_operation_and_has_the_cause_as_its_source() {
    let source = || Box::new(RandomnessUnavailable);
    for error in [
        PluginError::Internal { context: "reading a key", source: source() },
        PluginError::Outage { context: "reading a key", source: source() },
    ] {
        assert_eq!(error.to_string(), "reading a key");
        let source = std::error::Error::source(&error).expect("a source");
        assert_eq!(source.to_string(), "the system's random generator is unavailable");
    }
    let missing = PluginError::MissingService("a challenge store");
    let missing = missing.to_string();
    assert!(missing.starts_with("the host does not provide a challenge store"), "{missing}");
    assert!(missing.contains("another version of the crate"), "{missing}");
}
