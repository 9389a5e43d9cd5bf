//! Any text as a template or as a message: no panic, an accepted template fits its limit, and a parsed origin-bound
//! line is written as it was read.
//!
//! An input is a line with the number of a limit, a line with the service's name, and the words.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use otp_core::{
    CodeFormat,
    message::{KaradenLimit, Length, Links, OriginBound, SmsTemplate, TemplateSettings, segments},
};

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let (Some(limit), Some(service), Some(words)) = (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let limit = match limit {
        "1" => KaradenLimit::OnePart,
        "2" => KaradenLimit::PushParts,
        _ => KaradenLimit::Sms660,
    };
    let length = Length::of(words);
    assert_eq!(segments(words).concat(), words);
    assert_eq!(segments(words).len().max(1), length.segments);
    if let Some(bound) = OriginBound::parse(words) {
        let again = OriginBound::parse(&bound.line()).expect("a line that was written");
        assert_eq!(again.line(), bound.line());
    }
    let template = SmsTemplate::new(&TemplateSettings {
        words,
        service,
        host: None,
        code: CodeFormat::digits(6).expect("six digits"),
        longest_lifetime: Duration::from_secs(300),
        limit,
        links: Links::Refused,
    });
    if let Ok(template) = template {
        assert!(template.longest().units <= 2 * KaradenLimit::PART * KaradenLimit::MAX_PARTS);
    }
});
