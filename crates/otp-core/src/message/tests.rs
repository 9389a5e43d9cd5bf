use std::time::Duration;

use zeroize::ZeroizeOnDrop;

use super::*;
use crate::{
    Alphabet, CodeFormat,
    code::{Chars, OtpCode},
};

const MINUTE: Duration = Duration::from_secs(60);

fn settings(words: &str) -> TemplateSettings<'_> {
    TemplateSettings {
        words,
        service: "みどり銀行",
        host: None,
        code: CodeFormat::digits(6).unwrap(),
        longest_lifetime: 5 * MINUTE,
        limit: KaradenLimit::OnePart,
        links: Links::Refused,
    }
}

fn code(text: &str) -> OtpCode {
    OtpCode::new(Chars::new(text.as_bytes()).unwrap())
}

fn problems(settings: &TemplateSettings<'_>) -> Vec<TemplateProblem> {
    SmsTemplate::new(settings).map_or_else(|e| e.problems().to_vec(), |_| Vec::new())
}

#[test]
fn the_default_words_become_one_part_and_one_segment() {
    let host = Some(Host::new("auth.example.jp").unwrap());
    let template = SmsTemplate::new(&TemplateSettings {
        host: host.clone(),
        ..settings(SmsTemplate::JAPANESE)
    })
    .unwrap();
    let text = template.render(&code("012345"), 5 * MINUTE).unwrap();
    assert_eq!(
        text.expose_secret(),
        "みどり銀行\n認証コード 012345（5分有効）\n他人に教えないでください\n@auth.example.jp #012345"
    );
    assert_eq!(text.length(), Length { encoding: Encoding::Ucs2, units: 62, segments: 1 });
    assert_eq!(text.length(), template.longest());
    assert_eq!(text.expose_secret_parts().unwrap(), [text.expose_secret()]);
    assert_eq!(OriginBound::parse(text.expose_secret()).unwrap().expose_code(), "012345");

    let english = SmsTemplate::new(&TemplateSettings {
        host: Some(Host::new("a.example.jp").unwrap()),
        service: "Bank",
        ..settings(SmsTemplate::ENGLISH)
    });
    assert_eq!(english.unwrap().longest().encoding, Encoding::Gsm7);
}

#[test]
fn minutes_are_rounded_down_and_stay_within_what_was_checked() {
    let template = SmsTemplate::new(&settings("{code} {minutes}")).unwrap();
    for (life, shown) in [(0, 1), (59, 1), (119, 1), (120, 2), (299, 4), (300, 5), (86_400, 5)] {
        let text = template.render(&code("123456"), Duration::from_secs(life)).unwrap();
        assert_eq!(text.expose_secret(), format!("123456 {shown}"), "{life} s");
    }
}

#[test]
fn every_problem_of_the_words_is_named() {
    use TemplateProblem as P;
    for (words, expected) in [
        ("{code}", vec![]),
        ("a {{b}} {code}", vec![]),
        ("no placeholder", vec![P::CodeNotOnce]),
        ("{code} {code}", vec![P::CodeNotOnce]),
        ("{code} {phone}", vec![P::UnknownPlaceholder("phone".into())]),
        ("{code} {", vec![P::UnmatchedBrace]),
        ("{code} }", vec![P::UnmatchedBrace]),
        ("{Code}", vec![P::UnknownPlaceholder("Code".into()), P::CodeNotOnce]),
        ("{code}\u{7}", vec![P::ControlCharacter]),
        ("{code}\tx", vec![P::ControlCharacter]),
        ("{code}\r\nx", vec![]),
        ("{code}\rx", vec![P::ControlCharacter]),
        ("{code}\r\r\nx", vec![P::ControlCharacter]),
        ("{code} https://example", vec![P::Link]),
        ("{code} ＨＴＴＰＳ：／／x", vec![P::Link]),
        ("{code} www.x", vec![P::Link]),
        ("{code} example.jp.", vec![P::Link]),
        ("{code}.example.jp", vec![P::Link]),
        ("見て:example.co.jp/x {code}", vec![P::Link]),
        ("{code} example.jpを見て", vec![P::Link]),
        ("{code} 日本語.jp/login", vec![P::Link]),
        ("{code} 日本語．ＪＰ", vec![P::Link]),
        ("{code} example.xn--q9jyb4c", vec![P::Link]),
        ("{code} example.みんな/x", vec![P::Link]),
        ("{code} example。jp", vec![P::Link]),
        ("{code} example｡jp", vec![P::Link]),
        ("{code} example.jp.5", vec![P::Link]),
        // The code and the minutes are digits to a phone.
        ("{code}.jp", vec![P::Link]),
        ("a{code}.jp", vec![P::Link]),
        ("{code}.Do not share", vec![P::Link]),
        ("{minutes}.jp {code}", vec![P::Link]),
        ("{code} 203.0.113.9/x", vec![P::Link]),
        ("{code} ２０３．０．１１３．９", vec![P::Link]),
        ("{minutes}.0.113.9 {code}", vec![P::Link]),
        ("{code}.0.113.9 203.0.113.256 1.2.3 1.2.3.4.5 2026.11.22", vec![]),
        ("{code} 3.5 e.g. a.b .net", vec![]),
        ("{code} is it. Do not share", vec![]),
        ("コードは{code}です。IDは秘密です。OK", vec![]),
        ("{code}。他人に教えないで。", vec![]),
        ("{code}.他人に教えないで", vec![]),
        ("{code} a.xn-- a.b2 a.jp2 -.jp", vec![]),
    ] {
        assert_eq!(problems(&settings(words)), expected, "{words}");
    }
    assert_eq!(
        problems(&TemplateSettings { service: "a\nb", ..settings("{service} {code}") }),
        [P::ControlCharacter]
    );
    assert_eq!(
        problems(&TemplateSettings { service: "example.jp", ..settings("{service} {code}") }),
        [P::Link]
    );
    assert_eq!(
        SmsTemplate::new(&settings("{cod} {nobody")).unwrap_err().to_string(),
        "the message template cannot be used: \
         {cod} is none of {code}, {minutes} and {service}; a brace must be doubled unless it encloses a placeholder; \
         {code} must stand in the words exactly once"
    );
    let unmistakable = CodeFormat::new(Alphabet::UNMISTAKABLE, 6).unwrap();
    for (code, expected) in [(unmistakable, vec![P::Link]), (settings("").code, vec![])] {
        assert_eq!(problems(&TemplateSettings { code, ..settings("No.{code}") }), expected);
    }
    let allowed =
        TemplateSettings { links: Links::Allowed, ..settings("{code} https://example.jp") };
    assert_eq!(problems(&allowed), []);
}

#[test]
fn a_placeholder_in_the_service_name_is_just_words() {
    let template =
        SmsTemplate::new(&TemplateSettings { service: "{code}", ..settings("{service} {code}") });
    let text = template.unwrap().render(&code("123456"), MINUTE).unwrap();
    assert_eq!(text.expose_secret(), "{code} 123456");
}

#[test]
fn the_longest_case_decides_when_the_template_is_made() {
    let words = |n: usize| format!("{{code}}{}", "あ".repeat(n));
    assert_eq!(problems(&settings(&words(64))), []);
    assert_eq!(
        problems(&settings(&words(65))),
        [TemplateProblem::TooLong(TooLong { units: 71, allowed: 70 })]
    );
    let longer_code = TemplateSettings { code: CodeFormat::digits(7).unwrap(), ..settings("") };
    let text = words(64);
    assert_eq!(problems(&TemplateSettings { words: &text, ..longer_code }).len(), 1);
    let text = format!("{{minutes}}{}", words(63));
    let long_life = TemplateSettings { longest_lifetime: 10 * MINUTE, ..settings(&text) };
    assert_eq!(problems(&settings(&text)), []);
    assert_eq!(problems(&long_life).len(), 1);
}

#[test]
fn a_code_of_another_format_is_refused() {
    let template = SmsTemplate::new(&settings("{code}")).unwrap();
    assert_eq!(template.render(&code("1234567"), MINUTE).unwrap_err(), OtherFormat);
    assert!(template.render(&code("123456"), MINUTE).is_ok());
}

#[test]
fn nothing_of_a_message_shows_in_debug() {
    let template = SmsTemplate::new(&settings("{code}")).unwrap();
    let text = template.render(&code("918273"), MINUTE).unwrap();
    let bound = OriginBound::parse("@example.jp #918273").unwrap();
    let shown = format!("{text:?} {bound:?}");
    assert_eq!(shown, "SmsText(..) OriginBound { host: Host(\"example.jp\"), embedded: None, .. }");
}

/// A buffer that grew would have left a part of the code behind in the memory it grew out of. Taking
/// the wiping away does not compile here.
#[test]
fn what_holds_a_code_is_wiped_and_was_written_into_one_buffer() {
    fn wiped<T: ZeroizeOnDrop>(_: &T) {}
    let template =
        SmsTemplate::new(&TemplateSettings { service: "A", ..settings(SmsTemplate::JAPANESE) });
    let text = template.unwrap().render(&code("918273"), MINUTE).unwrap();
    wiped(&text.text);
    let bound = OriginBound::new(Host::new("auth.example.jp").unwrap(), "918273").unwrap();
    let bound = bound.with_embedded(Host::new("b.example").unwrap());
    wiped(&bound.code);
    let line = bound.line();
    wiped(&line);
    assert_eq!(line.capacity(), line.len());
}

#[test]
fn segments_on_both_sides_of_each_boundary() {
    for (text, encoding, units, count) in [
        (String::new(), Encoding::Gsm7, 0, 1),
        ("a".repeat(160), Encoding::Gsm7, 160, 1),
        ("a".repeat(161), Encoding::Gsm7, 161, 2),
        ("a".repeat(306), Encoding::Gsm7, 306, 2),
        ("a".repeat(307), Encoding::Gsm7, 307, 3),
        ("€".repeat(80), Encoding::Gsm7, 160, 1),
        ("€".repeat(81), Encoding::Gsm7, 162, 2),
        // 76 pairs leave one septet of the first segment empty: the pair is not cut.
        ("€".repeat(153), Encoding::Gsm7, 306, 3),
        ("あ".repeat(70), Encoding::Ucs2, 70, 1),
        ("あ".repeat(71), Encoding::Ucs2, 71, 2),
        ("あ".repeat(134), Encoding::Ucs2, 134, 2),
        ("あ".repeat(135), Encoding::Ucs2, 135, 3),
        ("😀".repeat(35), Encoding::Ucs2, 70, 1),
        ("😀".repeat(36), Encoding::Ucs2, 72, 2),
        ("😀".repeat(67), Encoding::Ucs2, 134, 3),
        ("aé@£\n{}".into(), Encoding::Gsm7, 9, 1),
        ("`".into(), Encoding::Ucs2, 1, 1),
        ("ç".into(), Encoding::Ucs2, 1, 1),
        ("Ç".into(), Encoding::Gsm7, 1, 1),
        ("\t".into(), Encoding::Ucs2, 1, 1),
    ] {
        assert_eq!(Length::of(&text), Length { encoding, units, segments: count }, "{text}");
        assert_eq!(segments(&text).concat(), text);
    }
}

/// The table of 3GPP TS 23.038, 6.2.1, row by row; ESC (0x1b) is no character.
#[test]
fn the_gsm_alphabet_is_the_table_of_the_standard() {
    let basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                 ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    let extension = "\u{c}^{}\\[~]|€";
    assert_eq!(basic.chars().count(), 127);
    for c in (0..=0xffff).filter_map(char::from_u32) {
        let expected = match (basic.contains(c), extension.contains(c)) {
            (true, _) => Some(1),
            (_, true) => Some(2),
            _ => None,
        };
        assert_eq!(gsm::septets(c), expected, "{c:?}");
    }
}

#[test]
fn karaden_parts_on_both_sides_of_each_boundary() {
    use KaradenLimit::{OnePart, PushParts, Sms660};
    for (limit, text, parts) in [
        (OnePart, "あ".repeat(70), Some(1)),
        (OnePart, "あ".repeat(71), None),
        (OnePart, "\n".repeat(23), Some(1)),
        (OnePart, "\n".repeat(24), None),
        (OnePart, "😀".repeat(35), Some(1)),
        (OnePart, "a".repeat(71), None),
        (PushParts, "あ".repeat(700), Some(10)),
        (PushParts, "あ".repeat(701), None),
        // An odd unit before each pair leaves one unit of every part empty.
        (PushParts, format!("あ{}", "😀".repeat(35)), Some(2)),
        (Sms660, "あ".repeat(660), Some(1)),
        (Sms660, "あ".repeat(661), None),
        (Sms660, "\n".repeat(660), Some(1)),
        (Sms660, "😀".repeat(330), Some(1)),
        (Sms660, "😀".repeat(331), None),
    ] {
        let got = limit.parts(&text).ok();
        assert_eq!(got.as_ref().map(Vec::len), parts, "{limit:?} {text}");
        if let Some(got) = got {
            assert_eq!(got.concat(), text);
        }
    }
    assert_eq!(Sms660.parts("").unwrap().len(), 0);
    assert_eq!(OnePart.parts(&"\n".repeat(24)).unwrap_err(), TooLong { units: 72, allowed: 70 });
    let long = "あ".repeat(701);
    assert_eq!(PushParts.parts(&long).unwrap_err(), TooLong { units: 701, allowed: 700 });
}

#[test]
fn the_origin_bound_line_is_read_as_browsers_read_it() {
    for (message, expected) in [
        ("@example.com #747723", Some(("example.com", "747723", None))),
        ("747723 is your code.\n\n@example.com #747723", Some(("example.com", "747723", None))),
        ("x\r\n@example.com #747723\r\n", Some(("example.com", "747723", None))),
        ("@EXAMPLE.com #a-1", Some(("example.com", "a-1", None))),
        ("@example.com #747723 @e.example $x", Some(("example.com", "747723", Some("e.example")))),
        ("@example.com #747723 whatever", Some(("example.com", "747723", None))),
        ("@example.com #747723\tx", Some(("example.com", "747723", None))),
        ("something @example.com #747723", None),
        ("@example.com code #747723", None),
        ("@example.com  #747723", None),
        ("@example.com\t#747723", None),
        ("@example.com 747723", None),
        ("@example.com #", None),
        ("@example.com # 747723", None),
        ("@ #747723", None),
        (" @example.com #747723", None),
        ("@https://example.com #747723", None),
        ("@example.com:443 #747723", None),
        ("@127.0.0.1 #747723", None),
        ("@example.com #747723\nmore", None),
        ("@example.com #747723\n\n", None),
        ("", None),
    ] {
        let bound = OriginBound::parse(message);
        let got = bound.as_ref().map(|bound| {
            (bound.host().as_str(), bound.expose_code(), bound.embedded().map(Host::as_str))
        });
        assert_eq!(got, expected, "{message}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let host = Host::new("a.example").unwrap();
    let bound = OriginBound::new(host.clone(), "12").unwrap();
    assert_eq!(*bound.line(), "@a.example #12");
    let bound = bound.with_embedded(Host::new("b.example").unwrap());
    assert_eq!(*bound.line(), "@a.example #12 @b.example");
    assert_eq!(
        OriginBound::parse(&bound.line()).unwrap().embedded().unwrap().as_str(),
        "b.example"
    );
    assert!(OriginBound::new(host.clone(), "").is_none());
    assert!(OriginBound::new(host, "1 2").is_none());
}

#[test]
fn hosts_are_bare_domain_names() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    for good in ["localhost", "a.b-c.example", "xn--wgv71a.jp", "1.example", &label, &longest] {
        assert_eq!(Host::new(good).map(|h| h.to_string()), Ok(good.to_owned()));
    }
    let long_label = "a".repeat(64);
    let too_long = format!("{longest}a");
    for bad in [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a.b",
        "a-.b",
        "a b",
        "a_b.c",
        "例え.jp",
        "1.2.3.4",
        "a.1",
        "a.0x1",
        "[::1]",
        "a/b",
        "a:1",
        "@a",
        &long_label,
        &too_long,
    ] {
        assert_eq!(Host::new(bad), Err(InvalidHost), "{bad}");
    }
}
