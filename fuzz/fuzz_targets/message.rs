//! Any text as a template or as a message: no panic, an accepted template fits its limit, and a parsed origin-bound
//! line is written as it was read.
//!
//! An input is a line with the number of a limit, a line with the service's name, and the words.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use otp_core::{
    CodeFormat,
    message::{Length, OriginBound, SmsTemplate, TemplateSettings, TextLimit, segments},
};

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let (Some(limit), Some(service), Some(words)) = (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let limit = match limit {
        "1" => TextLimit::new(70, 1).with_line_break(3).with_basic_plane_only(),
        "2" => TextLimit::new(70, 10).with_line_break(3),
        _ => TextLimit::new(660, 1),
    };
    let length = Length::of(words);
    assert_eq!(segments(words).concat(), words);
    assert_eq!(segments(words).len().max(1), length.segments);
    if let Some(bound) = OriginBound::parse(words) {
        let again = OriginBound::parse(&bound.line()).expect("a line that was written");
        assert_eq!(again.line(), bound.line());
    }
    if let Ok(parts) = limit.split(words) {
        assert_eq!(parts.concat(), words);
        assert!(parts.len() <= limit.max_parts());
    }
    let six = CodeFormat::digits(6).expect("six digits");
    let settings = TemplateSettings::new(words, service, six, limit)
        .with_longest_lifetime(Duration::from_secs(300));
    if let Ok(template) = SmsTemplate::new(&settings) {
        assert!(template.longest().units <= 2 * limit.part_units() * limit.max_parts());
    }
});
