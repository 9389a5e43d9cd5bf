//! Messages: segments, the origin-bound line, templates.

use std::time::Duration;

use otp_core::{
    Binding, ChallengeId, CodeFormat, KeyId, Nonce, PhoneNumber, Purpose,
    message::{
        Encoding, Host, Length, OriginBound, SmsTemplate, TemplateSettings, TextLimit, segments,
    },
};
use proptest::{collection::vec, prelude::*};

use crate::{bytes, config, on_both_sides, ring};

fn limits() -> Vec<TextLimit> {
    let parts = TextLimit::new(70, 10).with_line_break(3);
    vec![parts, parts.with_max_parts(1).with_basic_plane_only(), TextLimit::new(660, 1)]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_strictest_limit_keeps_both(
        text in "(\\PC|\n|あ|😀|[a-z]{0,9}){0,40}",
        a in (1..40_usize, 1..9_usize, 1..4_usize),
        b in (1..40_usize, 1..9_usize, 1..4_usize),
    ) {
        let limit = |(units, parts, line_break)| TextLimit::new(units, parts).with_line_break(line_break);
        let (a, b) = (limit(a), limit(b));
        if a.strictest(b).split(&text).is_ok() {
            prop_assert!(a.split(&text).is_ok() && b.split(&text).is_ok());
        }
    }

    #[test]
    fn segments_are_within_their_room_and_lose_nothing(text in "(\\PC|\n|€|あ|😀|[a-z]{0,9}){0,120}") {
        let length = Length::of(&text);
        let pieces = segments(&text);
        prop_assert_eq!(pieces.concat(), text.clone());
        prop_assert_eq!(length.segments, pieces.len().max(1));
        let room = if pieces.len() <= 1 { length.encoding.single() } else { length.encoding.concatenated() };
        let measured = |piece: &str| match length.encoding {
            Encoding::Gsm7 => Length::of(piece).units,
            Encoding::Ucs2 => piece.encode_utf16().count(),
        };
        prop_assert!(pieces.iter().all(|piece| measured(piece) <= room));
        prop_assert_eq!(pieces.iter().map(|piece| measured(piece)).sum::<usize>(), length.units);
        for limit in limits() {
            match limit.split(&text) {
                Ok(parts) => prop_assert_eq!(parts.concat(), text.clone()),
                Err(too_long) => prop_assert!(too_long.units + 9 > too_long.allowed),
            }
        }
    }

    #[test]
    fn the_origin_bound_line_is_read_back(
        host in "[a-z][a-z0-9]{0,9}(\\.[a-z][a-z0-9]{0,9}){0,3}",
        code in "[!-~]{1,12}",
        embedded in proptest::option::of("[a-z]{1,9}\\.example"),
        words in "\\PC{0,40}",
    ) {
        let mut bound = OriginBound::new(Host::new(&host).unwrap(), &code).unwrap();
        if let Some(embedded) = &embedded {
            bound = bound.with_embedded(Host::new(embedded).unwrap());
        }
        let message = format!("{words}\n{}", *bound.line());
        let read = OriginBound::parse(&message).unwrap();
        prop_assert_eq!(read.host().as_str(), host);
        prop_assert_eq!(read.expose_code(), code);
        prop_assert_eq!(read.embedded().map(Host::as_str), embedded.as_deref());
    }

    #[test]
    fn any_text_is_parsed_without_panic(text in "(@|#| |\n|\r|a|1|\\.|-|\\PC){0,60}") {
        if let Some(bound) = OriginBound::parse(&text) {
            let again = OriginBound::parse(&bound.line()).unwrap();
            prop_assert_eq!(again.line(), bound.line());
        }
    }
}

/// Whatever a template was found good for is rendered so, with every code and every life.
#[test]
fn a_template_that_was_checked_fits_whatever_it_is_rendered_with() {
    let words = [
        "{minutes}",
        "{service}",
        "{{",
        "}}",
        "code ",
        "a",
        "認証コード",
        "\n",
        "\r\n",
        ".",
        "jp",
        "。",
        "😀",
        "€",
    ];
    let words = (vec(prop::sample::select(words.to_vec()), 0..24), any::<prop::sample::Index>());
    let words = words.prop_map(|(mut words, at)| {
        words.insert(at.index(words.len() + 1), "{code}");
        words.concat()
    });
    let service = prop::sample::select(vec!["みどり銀行", "Bank", "a.b", "x"]);
    let host = prop::option::of(prop::sample::select(vec!["auth.example.jp", "a.example"]));
    let settings = (service, host, 4..=10_u8, 0..1_300_u64, prop::sample::select(limits()));
    let given = (words, settings, any::<u32>(), 0..3_000_u64);
    let phone = PhoneNumber::from_japanese("09012345678").unwrap();
    let binding = Binding {
        tenant: "",
        subject: "a",
        flow: "f",
        purpose: Purpose::LOGIN,
        destination: phone.as_e164().as_bytes(),
    };
    on_both_sides(given, |(words, (service, host, len, longest, limit), n, life)| {
        let format = CodeFormat::digits(len).unwrap();
        let mut settings = TemplateSettings::new(&words, service, format, limit)
            .with_longest_lifetime(Duration::from_secs(longest));
        if let Some(host) = host {
            settings = settings.with_host(Host::new(host).unwrap());
        }
        let template = SmsTemplate::new(&settings);
        let Ok(template) = template else { return Ok(false) };
        let id = ChallengeId::from_bytes(bytes(n));
        let nonce = Nonce::from_bytes([9; 16]);
        let code = ring(1).derive(KeyId::new(1), &binding, id, &nonce, &format).unwrap();
        let message = template.render(&code, Duration::from_secs(life)).unwrap();
        let (text, length) = (message.expose_secret(), message.length());
        prop_assert_eq!(length.encoding, template.longest().encoding);
        prop_assert!(length.units <= template.longest().units);
        prop_assert!(length.segments <= template.longest().segments);
        let parts = limit.split(text).unwrap();
        prop_assert!(parts.len() <= template.longest_parts());
        prop_assert_eq!(parts.concat(), text);
        prop_assert_eq!(limit.excluded(text), None);
        prop_assert!(!text.contains('\r'));
        let body = match host {
            None => text,
            Some(host) => {
                let bound = OriginBound::parse(text).unwrap();
                prop_assert_eq!(
                    (bound.host().as_str(), bound.expose_code()),
                    (host, code.expose_secret())
                );
                text.rsplit_once('\n').unwrap().0
            }
        };
        prop_assert_eq!(body.matches(code.expose_secret()).count(), 1);
        let is_name = |(at, _): (usize, &str)| {
            body[..at].ends_with(char::is_alphanumeric)
                && !body[at + 3..].starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        prop_assert!(!body.match_indices(".jp").any(is_name), "{words}");
        Ok(true)
    });
}
