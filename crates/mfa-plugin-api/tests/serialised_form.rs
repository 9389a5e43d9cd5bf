//! The JSON form that the README documents: one snapshot for each type, and round trips.
#![cfg(feature = "serde")]

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

use mfa_plugin_api::{
    Action, ActionId, Arg, AuthenticationMethod, Ceremony, Credential, Denied, Descriptor,
    EnrolReply, EnrolStep, Evidence, FactorId, Field, FieldKind, FlowId, Message, Notice,
    PluginState, Prompt, Rejection, RejectionKind, Reply, Step, Submission, Unavailable,
};
use proptest::{collection::vec, option, prelude::*};
use serde::{Serialize, de::DeserializeOwned};

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it serialises")
}

/// Checks that `value` is written as `json`, and that `json` is read as `value`.
#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
    assert_eq!(self::json(value), json);
    assert_eq!(&serde_json::from_str::<T>(json).expect("it deserialises"), value);
}

#[test]
fn names_are_texts() {
    check(&FactorId::PASSWORD, r#""password""#);
    check(&FlowId::new("0a1b"), r#""0a1b""#);
    check(&ActionId::from_static("resend"), r#""resend""#);
    check(&AuthenticationMethod::SMS, r#""sms""#);
}

#[test]
fn plugin_state_is_base64() {
    check(&PluginState::from_bytes([0, 255, 7, 1]), r#""AP8HAQ==""#);
    check(&PluginState::from_bytes([]), r#""""#);
}

#[test]
fn an_argument_is_named_by_its_kind() {
    check(&Arg::Count(3), r#"{"count":3}"#);
    check(&Arg::Duration(Duration::from_millis(1_500)), r#"{"duration_ms":1500}"#);
    check(&Arg::Instant(at(1_800_000_000_123)), r#"{"instant_ms":1800000000123}"#);
    check(&Arg::Text("***-****-5678".to_owned()), r#"{"text":"***-****-5678"}"#);
}

#[test]
fn a_message_keeps_the_order_of_its_arguments() {
    check(&Message::new("otp-warning"), r#"{"key":"otp-warning"}"#);
    check(
        &Message::new("otp-sent").with("to", "5678").with("digits", 6_u64),
        r#"{"key":"otp-sent","args":[["to",{"text":"5678"}],["digits",{"count":6}]]}"#,
    );
}

#[test]
fn a_field_with_each_kind() {
    check(&FieldKind::OneTimeCode { digits: 6 }, r#"{"one_time_code":{"digits":6}}"#);
    check(&FieldKind::Secret, r#""secret""#);
    check(&FieldKind::Text, r#""text""#);
    let options = r#"{"challenge":"AA"}"#.to_owned();
    check(
        &FieldKind::WebAuthn { ceremony: Ceremony::Get, options: options.clone() },
        r#"{"webauthn":{"ceremony":"get","options":"{\"challenge\":\"AA\"}"}}"#,
    );
    check(
        &FieldKind::WebAuthn { ceremony: Ceremony::Create, options: String::new() },
        r#"{"webauthn":{"ceremony":"create","options":""}}"#,
    );
    check(
        &Field::new("word", FieldKind::Text, Message::new("label")).with_hint(Message::new("hint")),
        r#"{"name":"word","kind":"text","label":{"key":"label"},"hint":{"key":"hint"}}"#,
    );
}

#[test]
fn an_action_and_a_notice() {
    let resend = Action::new(ActionId::from_static("resend"), Message::new("otp-resend"));
    check(&resend, r#"{"id":"resend","label":{"key":"otp-resend"}}"#);
    check(
        &resend.with_available_at(at(60_000)),
        r#"{"id":"resend","label":{"key":"otp-resend"},"available_at_ms":60000}"#,
    );
    check(&Notice::new(Message::new("sent")), r#"{"message":{"key":"sent"}}"#);
}

#[test]
fn a_rejection_with_each_kind() {
    for (kind, json) in [
        (RejectionKind::Expired, r#""expired""#),
        (RejectionKind::Malformed, r#""malformed""#),
        (RejectionKind::TooMany, r#""too_many""#),
        (RejectionKind::Unavailable, r#""unavailable""#),
        (RejectionKind::Wrong, r#""wrong""#),
    ] {
        check(&kind, json);
    }
    check(
        &Rejection::new(RejectionKind::TooMany, Message::new("wait"))
            .with_field("code")
            .with_retry_at(at(5)),
        r#"{"kind":"too_many","field":"code","message":{"key":"wait"},"retry_at_ms":5}"#,
    );
}

#[test]
fn a_prompt_leaves_out_what_is_empty() {
    check(&Prompt::new(Message::new("t")), r#"{"title":{"key":"t"}}"#);
    check(
        &Prompt::new(Message::new("t"))
            .with_text(Message::new("p"))
            .with_field(Field::new("f", FieldKind::Secret, Message::new("l")))
            .with_action(Action::new(ActionId::from_static("a"), Message::new("b")))
            .with_notice(Notice::new(Message::new("n")))
            .with_rejection(Rejection::new(RejectionKind::Wrong, Message::new("w")))
            .with_expires_at(at(300_000))
            .with_help_title(Message::new("w"))
            .with_help(Message::new("h")),
        concat!(
            r#"{"title":{"key":"t"},"texts":[{"key":"p"}],"#,
            r#""fields":[{"name":"f","kind":"secret","label":{"key":"l"}}],"#,
            r#""actions":[{"id":"a","label":{"key":"b"}}],"notice":{"message":{"key":"n"}},"#,
            r#""rejection":{"kind":"wrong","message":{"key":"w"}},"#,
            r#""expires_at_ms":300000,"help_title":{"key":"w"},"help":[{"key":"h"}]}"#,
        ),
    );
}

#[test]
fn a_step_is_named_by_its_kind() {
    check(&Step::Prompt(Prompt::new(Message::new("t"))), r#"{"prompt":{"title":{"key":"t"}}}"#);
    check(
        &Step::Done(Evidence::new([AuthenticationMethod::OTP], at(7))),
        r#"{"done":{"methods":["otp"],"verified_at_ms":7}}"#,
    );
    check(
        &Step::Unavailable(Unavailable::new(Message::new("u")).with_retry_at(at(8))),
        r#"{"unavailable":{"message":{"key":"u"},"retry_at_ms":8}}"#,
    );
    check(
        &Step::Denied(Denied::new(Message::new("d")).with_until(at(9))),
        r#"{"denied":{"message":{"key":"d"},"until_ms":9}}"#,
    );
    check(&Step::Denied(Denied::new(Message::new("d"))), r#"{"denied":{"message":{"key":"d"}}}"#);
}

#[test]
fn a_reply_and_a_descriptor() {
    let step = || Step::Unavailable(Unavailable::new(Message::new("u")));
    check(&Reply::new(step()), r#"{"step":{"unavailable":{"message":{"key":"u"}}}}"#);
    check(
        &Reply::new(step()).with_state(PluginState::from_bytes([1])),
        r#"{"step":{"unavailable":{"message":{"key":"u"}}},"state":"AQ=="}"#,
    );
    check(&Descriptor::new(FactorId::PASSWORD), r#"{"factor":"password"}"#);
}

#[test]
fn an_enrolment_and_its_credential() {
    let credential = Credential::new("key-1", [0, 255, 7, 1]);
    check(&credential, r#"{"id":"key-1","bytes":"AP8HAQ=="}"#);
    check(
        &EnrolReply::new(EnrolStep::Enrolled(credential)),
        r#"{"step":{"enrolled":{"id":"key-1","bytes":"AP8HAQ=="}}}"#,
    );
    let prompt = EnrolStep::Prompt(Prompt::new(Message::new("t")));
    check(
        &EnrolReply::new(prompt).with_state(PluginState::from_bytes([1])),
        r#"{"step":{"prompt":{"title":{"key":"t"}}},"state":"AQ=="}"#,
    );
    check(
        &EnrolStep::Unavailable(Unavailable::new(Message::new("u"))),
        r#"{"unavailable":{"message":{"key":"u"}}}"#,
    );
    check(
        &EnrolStep::Denied(Denied::new(Message::new("d"))),
        r#"{"denied":{"message":{"key":"d"}}}"#,
    );
}

/// What is announced is never too early, and evidence is never from the future.
#[test]
fn fractions_of_a_millisecond_are_rounded_to_the_safe_side() {
    let nanos = Duration::from_nanos(1);
    assert_eq!(json(&Arg::Instant(at(5) + nanos)), r#"{"instant_ms":6}"#);
    assert_eq!(json(&Arg::Instant(SystemTime::UNIX_EPOCH - nanos)), r#"{"instant_ms":0}"#);
    assert_eq!(json(&Arg::Duration(Duration::from_millis(5) + nanos)), r#"{"duration_ms":6}"#);
    assert_eq!(json(&Evidence::new([], at(6) - nanos)), r#"{"methods":[],"verified_at_ms":5}"#);
}

#[test]
fn what_does_not_fit_is_clamped_when_written_and_refused_when_read() {
    let forever = Arg::Duration(Duration::MAX);
    assert_eq!(json(&forever), format!(r#"{{"duration_ms":{}}}"#, u64::MAX));
    assert!(serde_json::from_str::<Arg>(r#"{"duration_ms":-1}"#).is_err());
    assert!(serde_json::from_str::<Arg>(r#"{"instant_ms":1e300}"#).is_err());
    assert!(serde_json::from_str::<Arg>(r#"{"instant_ms":9223372036854775808}"#).is_err());
}

#[test]
fn unknown_members_are_ignored_and_unknown_kinds_refused() {
    let newer = r#"{"title":{"key":"t"},"from_a_newer_version":1}"#;
    let prompt: Prompt = serde_json::from_str(newer).expect("it deserialises");
    assert_eq!(prompt, Prompt::new(Message::new("t")));
    assert!(serde_json::from_str::<Arg>(r#"{"money":5}"#).is_err());
    assert!(serde_json::from_str::<Step>(r#"{"redirected":{}}"#).is_err());
    assert!(serde_json::from_str::<FieldKind>(r#""passkey""#).is_err());
    assert!(serde_json::from_str::<FactorId>(r#""No Factor""#).is_err());
}

#[test]
fn an_error_does_not_repeat_the_state() {
    let error = serde_json::from_str::<PluginState>(r#""secret=state!""#).expect_err("no Base64");
    assert!(!error.to_string().contains("secret"), "{error}");
}

/// Two implementations would apply to a `Submission` that serialises, and this would not compile.
#[test]
fn what_the_user_typed_does_not_serialise() {
    trait NotSerialize<Which> {
        fn holds() -> bool {
            true
        }
    }
    struct WouldSerialize;
    impl<T> NotSerialize<()> for T {}
    impl<T: Serialize> NotSerialize<WouldSerialize> for T {}
    assert!(<Submission as NotSerialize<_>>::holds());
}

fn instants() -> impl Strategy<Value = SystemTime> {
    // Up to the year 9999.
    (0..253_402_300_800_000_u64).prop_map(at)
}

fn args() -> impl Strategy<Value = Arg> {
    prop_oneof![
        any::<u64>().prop_map(Arg::Count),
        any::<u64>().prop_map(|millis| Arg::Duration(Duration::from_millis(millis))),
        instants().prop_map(Arg::Instant),
        any::<String>().prop_map(Arg::Text),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    (any::<String>(), vec((any::<String>(), args()), 0..4)).prop_map(|(key, args)| {
        args.into_iter().fold(Message::new(key), |message, (name, arg)| message.with(name, arg))
    })
}

fn fields() -> impl Strategy<Value = Field> {
    let kinds = prop_oneof![
        any::<u8>().prop_map(|digits| FieldKind::OneTimeCode { digits }),
        Just(FieldKind::Secret),
        Just(FieldKind::Text),
        (any::<bool>(), any::<String>()).prop_map(|(is_new, options)| {
            let ceremony = if is_new { Ceremony::Create } else { Ceremony::Get };
            FieldKind::WebAuthn { ceremony, options }
        }),
    ];
    (any::<String>(), kinds, messages(), option::of(messages())).prop_map(
        |(name, kind, label, hint)| {
            let mut field = Field::new(name, kind, label);
            field.hint = hint;
            field
        },
    )
}

fn actions() -> impl Strategy<Value = Action> {
    (any::<String>(), messages(), option::of(instants())).prop_map(|(id, label, available_at)| {
        let mut action = Action::new(ActionId::new(id), label);
        action.available_at = available_at;
        action
    })
}

fn rejections() -> impl Strategy<Value = Rejection> {
    let kinds = prop_oneof![
        Just(RejectionKind::Expired),
        Just(RejectionKind::Malformed),
        Just(RejectionKind::TooMany),
        Just(RejectionKind::Unavailable),
        Just(RejectionKind::Wrong),
    ];
    (kinds, option::of(any::<String>()), messages(), option::of(instants())).prop_map(
        |(kind, field, message, retry_at)| {
            let mut rejection = Rejection::new(kind, message);
            rejection.field = field.map(Into::into);
            rejection.retry_at = retry_at;
            rejection
        },
    )
}

fn prompts() -> impl Strategy<Value = Prompt> {
    let lists = (vec(messages(), 0..3), vec(fields(), 0..3), vec(actions(), 0..3));
    let outcome = (option::of(messages()), option::of(rejections()), option::of(instants()));
    let help = (option::of(messages()), vec(messages(), 0..3));
    (messages(), lists, outcome, help).prop_map(
        |(title, (texts, fields, actions), (notice, rejection, expires_at), help)| {
            let mut prompt = Prompt::new(title);
            prompt.texts = texts;
            prompt.fields = fields;
            prompt.actions = actions;
            prompt.notice = notice.map(Notice::new);
            prompt.rejection = rejection;
            prompt.expires_at = expires_at;
            (prompt.help_title, prompt.help) = help;
            prompt
        },
    )
}

fn steps() -> impl Strategy<Value = Step> {
    let methods = vec(any::<String>().prop_map(AuthenticationMethod::new), 0..4);
    prop_oneof![
        prompts().prop_map(Step::Prompt),
        (methods, instants()).prop_map(|(methods, at)| Step::Done(Evidence::new(methods, at))),
        (messages(), option::of(instants())).prop_map(|(message, retry_at)| {
            let mut unavailable = Unavailable::new(message);
            unavailable.retry_at = retry_at;
            Step::Unavailable(unavailable)
        }),
        (messages(), option::of(instants())).prop_map(|(message, until)| {
            let mut denied = Denied::new(message);
            denied.until = until;
            Step::Denied(denied)
        }),
    ]
}

#[test]
fn the_example_of_the_readme_is_a_reply() {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("```json\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let reply: Reply = serde_json::from_str(example).expect("it deserialises");
    let written: serde_json::Value = serde_json::to_value(&reply).expect("it serialises");
    let example: serde_json::Value = serde_json::from_str(example).expect("JSON");
    assert_eq!(written, example);
}

proptest! {
    #[test]
    fn a_reply_is_read_as_it_was_written(
        step in steps(),
        state in option::of(vec(any::<u8>(), 0..64)),
    ) {
        let mut reply = Reply::new(step);
        reply.state = state.map(PluginState::from_bytes);
        prop_assert_eq!(serde_json::from_str::<Reply>(&json(&reply)).expect("it deserialises"), reply);
    }

    #[test]
    fn an_instant_of_any_time_survives(millis in any::<i32>()) {
        let distance = Duration::from_millis(u64::from(millis.unsigned_abs()));
        let instant = if millis < 0 {
            SystemTime::UNIX_EPOCH - distance
        } else {
            SystemTime::UNIX_EPOCH + distance
        };
        let arg = Arg::Instant(instant);
        let json = json(&arg);
        prop_assert_eq!(&json, &format!(r#"{{"instant_ms":{millis}}}"#));
        prop_assert_eq!(serde_json::from_str::<Arg>(&json).expect("it deserialises"), arg);
    }

    #[test]
    fn no_text_makes_reading_panic(text in r#"(\{"|\[)?\PC{0,60}"#) {
        let _ = serde_json::from_str::<Reply>(&text);
    }
}
