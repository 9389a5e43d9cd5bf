use std::time::Duration;

use zeroize::ZeroizeOnDrop;

use super::*;
use crate::{
    Alphabet, CodeFormat,
    code::{Chars, OtpCode},
};

const MINUTE: Duration = Duration::from_secs(60);

const ONE_PART: TextLimit = TextLimit::new(70, 1).with_line_break(3).with_basic_plane_only();

fn settings(words: &str) -> TemplateSettings<'_> {
    of_service(words, "みどり銀行")
}

fn of_service<'a>(words: &'a str, service: &'a str) -> TemplateSettings<'a> {
    within(words, service, ONE_PART)
}

fn within<'a>(words: &'a str, service: &'a str, limit: TextLimit) -> TemplateSettings<'a> {
    TemplateSettings::new(words, service, CodeFormat::digits(6).unwrap(), limit)
        .with_longest_lifetime(5 * MINUTE)
}

fn code(text: &str) -> OtpCode {
    OtpCode::new(Chars::new(text.as_bytes()).unwrap())
}

fn problems(settings: &TemplateSettings<'_>) -> Vec<TemplateProblem> {
    SmsTemplate::new(settings).map_or_else(|e| e.problems().to_vec(), |_| Vec::new())
}

#[test]
fn the_default_words_become_one_part_and_one_segment() {
    let host = |name| Host::new(name).unwrap();
    let japanese = settings(SmsTemplate::JAPANESE).with_host(host("auth.example.jp"));
    let template = SmsTemplate::new(&japanese).unwrap();
    let text = template.render(&code("012345"), 5 * MINUTE).unwrap();
    assert_eq!(
        text.expose_secret(),
        "みどり銀行 認証コード 012345（5分有効）\n他人に教えないでください\n@auth.example.jp #012345"
    );
    assert_eq!(text.length(), Length { encoding: Encoding::Ucs2, units: 62, segments: 1 });
    assert_eq!(text.length(), template.longest());
    assert_eq!(ONE_PART.split(text.expose_secret()).unwrap(), [text.expose_secret()]);
    assert_eq!(OriginBound::parse(text.expose_secret()).unwrap().expose_code(), "012345");

    let english = of_service(SmsTemplate::ENGLISH, "Bank").with_host(host("a.example.jp"));
    let english = SmsTemplate::new(&english);
    assert_eq!(english.unwrap().longest().encoding, Encoding::Gsm7);
}

#[test]
fn the_default_words_have_room_for_a_service_of_eight_units() {
    for (words, service) in
        [(SmsTemplate::JAPANESE, "みなと市立図書館"), (SmsTemplate::ENGLISH, "MidoriCo")]
    {
        let longer = format!("{service}x");
        for (service, excess) in [(service, None), (longer.as_str(), Some(71))] {
            let settings = of_service(words, service)
                .with_host(Host::new("auth.example.jp").unwrap())
                .with_longest_lifetime(10 * MINUTE);
            let expected =
                excess.map(|units| TemplateProblem::TooLong(TooLong { units, allowed: 70 }));
            assert_eq!(problems(&settings), expected.into_iter().collect::<Vec<_>>(), "{service}");
        }
    }
}

#[test]
fn minutes_are_rounded_down_and_stay_within_what_was_checked() {
    let template = SmsTemplate::new(&settings("{code} {minutes}")).unwrap();
    for (life, shown) in [(0, 1), (59, 1), (118, 1), (120, 2), (298, 4), (300, 5), (86_400, 5)] {
        let text = template.render(&code("123456"), Duration::from_secs(life)).unwrap();
        assert_eq!(text.expose_secret(), format!("123456 {shown}"), "{life} s");
    }
}

#[test]
fn a_minute_of_which_up_to_one_second_has_passed_is_a_full_one() {
    let template = SmsTemplate::new(&settings("{code} {minutes}")).unwrap();
    for (millis, shown) in [(299_999, 5), (299_000, 5), (298_999, 4)] {
        let text = template.render(&code("123456"), Duration::from_millis(millis)).unwrap();
        assert_eq!(text.expose_secret(), format!("123456 {shown}"), "{millis} ms");
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
    assert_eq!(problems(&of_service("{service} {code}", "a\nb")), [P::ControlCharacter]);
    assert_eq!(problems(&of_service("{service} {code}", "example.jp")), [P::Link]);
    assert_eq!(
        SmsTemplate::new(&settings("{cod} {nobody")).unwrap_err().to_string(),
        "the message template cannot be used: \
         {cod} is none of {code}, {minutes} and {service}; a brace must be doubled unless it encloses a placeholder; \
         {code} must stand in the words exactly once"
    );
    let unmistakable = CodeFormat::new(Alphabet::UNMISTAKABLE, 6).unwrap();
    let digits = CodeFormat::digits(6).unwrap();
    for (code, expected) in [(unmistakable, vec![P::Link]), (digits, vec![])] {
        let settings = TemplateSettings::new("No.{code}", "", code, ONE_PART);
        assert_eq!(problems(&settings), expected);
    }
    let allowed = settings("{code} https://example.jp").with_links(Links::Allowed);
    assert_eq!(problems(&allowed), []);
}

#[test]
fn a_placeholder_in_the_service_name_is_just_words() {
    let template = SmsTemplate::new(&of_service("{service} {code}", "{code}"));
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
    let text = words(64);
    let longer_code = TemplateSettings::new(&text, "", CodeFormat::digits(7).unwrap(), ONE_PART);
    assert_eq!(problems(&longer_code).len(), 1);
    let text = format!("{{minutes}}{}", words(63));
    let long_life = settings(&text).with_longest_lifetime(10 * MINUTE);
    assert_eq!(problems(&settings(&text)), []);
    assert_eq!(problems(&long_life).len(), 1);
}

#[test]
fn characters_that_the_sender_cannot_send_are_found() {
    use TemplateProblem as P;
    for (words, service, expected) in [
        ("{service} {code}", "𠮷野家", vec![P::ExcludedCharacter('𠮷')]),
        ("{code} 😀", "", vec![P::ExcludedCharacter('😀')]),
        ("{service} {code}", "吉野家", vec![]),
        // Not in the message.
        ("{code}", "𠮷野家", vec![]),
    ] {
        assert_eq!(problems(&of_service(words, service)), expected, "{words} {service}");
        let any = TextLimit::new(70, 1);
        assert_eq!(problems(&within(words, service, any)), []);
    }
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
    let template = SmsTemplate::new(&of_service(SmsTemplate::JAPANESE, "A"));
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
fn parts_on_both_sides_of_each_boundary() {
    let one_part = TextLimit::new(70, 1).with_line_break(3);
    let ten_parts = TextLimit::new(70, 10).with_line_break(3);
    let body = TextLimit::new(660, 1);
    for (limit, text, parts) in [
        (one_part, "あ".repeat(70), Some(1)),
        (one_part, "あ".repeat(71), None),
        (one_part, "\n".repeat(23), Some(1)),
        (one_part, "\n".repeat(24), None),
        (one_part, "😀".repeat(35), Some(1)),
        (one_part, "a".repeat(71), None),
        (ten_parts, "あ".repeat(700), Some(10)),
        (ten_parts, "あ".repeat(701), None),
        // An odd unit before each pair leaves one unit of every part empty.
        (ten_parts, format!("あ{}", "😀".repeat(35)), Some(2)),
        (body, "あ".repeat(660), Some(1)),
        (body, "あ".repeat(661), None),
        (body, "\n".repeat(660), Some(1)),
        (body, "😀".repeat(330), Some(1)),
        (body, "😀".repeat(331), None),
        (body, String::new(), Some(0)),
        // A character that no part can hold.
        (TextLimit::new(1, 9), "😀".into(), None),
        (TextLimit::new(2, 9).with_line_break(3), "\n".into(), None),
        (TextLimit::new(0, 9), "a".into(), None),
        (TextLimit::new(9, 0), "a".into(), None),
    ] {
        let got = limit.split(&text).ok();
        assert_eq!(got.as_ref().map(Vec::len), parts, "{limit:?} {text}");
        if let Some(got) = got {
            assert_eq!(got.concat(), text);
        }
    }
    let too_long = |limit: TextLimit, text: &str| limit.split(text).unwrap_err();
    assert_eq!(too_long(one_part, &"\n".repeat(24)), TooLong { units: 72, allowed: 70 });
    assert_eq!(too_long(ten_parts, &"あ".repeat(701)), TooLong { units: 701, allowed: 700 });
}

#[test]
fn the_strictest_limit_has_the_strictest_of_each() {
    let push = TextLimit::new(70, 10).with_line_break(3);
    let body = TextLimit::new(660, 1).with_basic_plane_only();
    let both = TextLimit::new(70, 1).with_line_break(3).with_basic_plane_only();
    assert_eq!(push.strictest(body), both);
    assert_eq!(body.strictest(push), both);
    assert_eq!(push.with_max_parts(2).max_parts(), 2);
    assert_eq!(push.with_max_parts(99), push);
    assert_eq!((both.part_units(), both.line_break(), both.is_basic_plane_only()), (70, 3, true));
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
    assert_eq!(OriginBound::new(host.clone(), "").unwrap_err(), InvalidBoundCode);
    assert_eq!(OriginBound::new(host, "1 2").unwrap_err(), InvalidBoundCode);
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
