//! What must hold for every input and every sequence of events.

#![expect(clippy::unwrap_used, reason = "helpers of tests outside of `#[test]` functions")]

use std::cell::Cell;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use otp_core::gcra::{self, Charge, Mark, Rate};
use otp_core::message::{
    Encoding, Host, KaradenLimit, Length, Links, OriginBound, SmsTemplate, TemplateSettings,
    segments,
};
use otp_core::oath::{Algorithm, Label, Moving, OathSecret, Otpauth, Totp};
use otp_core::{
    Alphabet, AttemptRefused, Binding, Challenge, ChallengeId, CodeFormat, Delivery, DigestKey,
    KeyId, KeyRing, NewChallenge, Nonce, PhoneNumber, Policy, Purpose, Rejected, Standing,
    SubjectKey, SubjectRecord, Verified,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

/// Fixed seeds, so a failure is a failure for everybody.
fn config() -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(0x6f74_7021);
    ProptestConfig { cases: 400, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_000 + millis)
}

fn ring(key: u8) -> KeyRing {
    KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[key; 32]).unwrap())
}

fn bytes(n: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    bytes
}

// --- the distribution of codes ---------------------------------------------------------------------------

/// Enough that the bias of a byte modulo ten shows in a single place of a code.
const SAMPLES: u32 = 200_000;

/// Pearson's statistic of `counts` against all being equal.
fn chi_square(counts: &[u32]) -> f64 {
    let total: f64 = counts.iter().copied().map(f64::from).sum();
    let categories = f64::from(u32::try_from(counts.len()).unwrap());
    let expected = total / categories;
    counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}

/// The value that chi-square exceeds by chance once in a million (Wilson and Hilferty).
fn limit(degrees: u32) -> f64 {
    let spread = 2.0 / (9.0 * f64::from(degrees));
    f64::from(degrees) * (1.0 - spread + 4.7534 * spread.sqrt()).powi(3)
}

#[test]
fn codes_are_uniform() {
    let phone = PhoneNumber::from_japanese("09012345678").unwrap();
    let binding =
        Binding { tenant: "", subject: "a", flow: "f", purpose: Purpose::LOGIN, phone: &phone };
    for (key, format) in [
        (1, CodeFormat::digits(4).unwrap()),
        (2, CodeFormat::digits(6).unwrap()),
        (3, CodeFormat::new(Alphabet::UNMISTAKABLE, 10).unwrap()),
        (4, CodeFormat::new(Alphabet::new("abc").unwrap(), 5).unwrap()),
    ] {
        let ring = ring(key);
        let alphabet: HashMap<char, usize> = format!("{:?}", format.alphabet())
            ["Alphabet(".len()..]
            .trim_end_matches(')')
            .chars()
            .zip(0..)
            .collect();
        let base = alphabet.len();
        let mut places = vec![vec![0_u32; base]; usize::from(format.len())];
        let mut ends = vec![0_u32; base * base];
        for n in 0..SAMPLES {
            let id = ChallengeId::from_bytes(bytes(n));
            let code =
                ring.derive(KeyId::new(1), &binding, id, &Nonce::from_bytes([9; 16]), &format);
            let code: Vec<usize> =
                code.unwrap().expose_secret().chars().map(|c| alphabet[&c]).collect();
            for (place, value) in places.iter_mut().zip(&code) {
                place[*value] += 1;
            }
            ends[code[0] * base + code[code.len() - 1]] += 1;
        }
        let degrees = |n: usize| u32::try_from(n - 1).unwrap();
        for (place, counts) in places.iter().enumerate() {
            let chi = chi_square(counts);
            assert!(chi < limit(degrees(base)), "place {place} of {format:?}: {chi}");
        }
        let chi = chi_square(&ends);
        assert!(chi < limit(degrees(base * base)), "first and last of {format:?}: {chi}");
    }
}

/// The test above can fail: the usual slip, a byte modulo ten, does not pass it.
#[test]
fn chi_square_sees_the_bias_of_a_byte_modulo_ten() {
    let mut counts = [0_u32; 10];
    for n in 0..SAMPLES {
        counts[usize::from((n.wrapping_mul(2_654_435_769) >> 24) as u8 % 10)] += 1;
    }
    assert!(chi_square(&counts) > limit(9));
}

// --- no sequence of events reaches success without a right code in time ------------------------------------

#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Open { purpose: usize, life: u64 },
    Begin { challenge: usize },
    Verify { attempt: usize, right: bool },
    Consume { proof: usize },
    Resend { challenge: usize },
    Report { challenge: usize, delivery: u8 },
    Revoke { challenge: usize },
    Sweep,
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let n = 0..6_usize;
    prop_oneof![
        2 => prop_oneof![Just(1_u64), 0..20_000_u64, Just(60_000), Just(299_999), Just(300_000), 0..2_000_000_u64].prop_map(Event::Wait),
        3 => (0..3_usize, prop_oneof![Just(300_000_u64), 0..600_000_u64]).prop_map(|(purpose, life)| Event::Open { purpose, life }),
        8 => n.clone().prop_map(|challenge| Event::Begin { challenge }),
        4 => (n.clone(), any::<bool>()).prop_map(|(attempt, right)| Event::Verify { attempt, right }),
        3 => n.clone().prop_map(|proof| Event::Consume { proof }),
        2 => n.clone().prop_map(|challenge| Event::Resend { challenge }),
        1 => (n.clone(), 0..4_u8).prop_map(|(challenge, delivery)| Event::Report { challenge, delivery }),
        1 => n.prop_map(|challenge| Event::Revoke { challenge }),
        1 => Just(Event::Sweep),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(config())]

    /// The rules once more, as a count of what happened, beside the record that has to keep them.
    #[test]
    fn no_events_reach_a_success_without_a_right_code_in_time(events in vec(event(), 1..120)) {
        let policy = Policy::default();
        let ring = ring(1);
        let six = CodeFormat::digits(6).unwrap();
        let phone = PhoneNumber::from_japanese("09012345678").unwrap();
        let purposes = [Purpose::LOGIN, Purpose::STEP_UP, Purpose::new("enrol").unwrap()];
        let binding = |purpose| Binding { tenant: "", subject: "a", flow: "f", purpose, phone: &phone };
        let subject = SubjectKey::derive("", "a");

        let mut record = SubjectRecord::new();
        let mut millis = 0_u64;
        let mut opened: Vec<Challenge> = Vec::new();
        let mut attempts = Vec::new();
        let mut proofs: Vec<(Verified, usize)> = Vec::new();
        let mut handed_out: HashMap<ChallengeId, u8> = HashMap::new();
        let mut resends: HashMap<ChallengeId, Vec<u64>> = HashMap::new();
        let mut dead: Vec<ChallengeId> = Vec::new();
        let mut recent: Vec<u64> = Vec::new();
        let mut in_a_row = 0_u32;

        for event in events {
            let now = at(millis);
            match event {
                Event::Wait(wait) => millis += wait,
                Event::Open { purpose, life } => {
                    let n = u32::try_from(opened.len()).unwrap();
                    let new = NewChallenge {
                        id: ChallengeId::from_bytes(bytes(n)),
                        purpose: purposes[purpose],
                        kid: ring.current_id(),
                        nonce: Nonce::from_bytes(bytes(n)),
                        expires_at: at(millis + life),
                    };
                    if let Ok(challenge) = record.open(new, &policy, now) {
                        dead.extend(opened.iter().filter(|c| c.purpose() == new.purpose).map(Challenge::id));
                        opened.push(challenge);
                    } else {
                        prop_assert_ne!(record.standing(&policy, now), Standing::Open);
                    }
                }
                Event::Begin { challenge } => {
                    let Some(challenge) = opened.iter().rev().nth(challenge) else { continue };
                    let locked = record.standing(&policy, now) != Standing::Open;
                    match record.begin_attempt(subject, challenge.id(), &policy, now) {
                        Ok(attempt) => {
                            prop_assert!(!locked && now < challenge.expires_at());
                            prop_assert!(!dead.contains(&challenge.id()));
                            let count = handed_out.entry(challenge.id()).or_default();
                            *count += 1;
                            prop_assert!(*count <= policy.attempts_per_challenge());
                            prop_assert!(attempt.attempts_left() <= policy.attempts_per_challenge() - *count);
                            recent.push(millis);
                            in_a_row += 1;
                            prop_assert_eq!(u32::from(record.failures_in_a_row()), in_a_row);
                            // No quiet period's length ever holds more than the limit.
                            let from = millis.saturating_sub(15 * 60_000 - 1);
                            let in_window = recent.iter().filter(|at| **at >= from).count();
                            prop_assert!(in_window <= usize::from(policy.attempts_per_subject()));
                            attempts.push(attempt);
                        }
                        Err(AttemptRefused::NotFound) => {
                            prop_assert!(dead.contains(&challenge.id()) || now >= challenge.expires_at());
                        }
                        Err(_) => {}
                    }
                }
                Event::Verify { attempt, right } => {
                    if attempt >= attempts.len() { continue }
                    let attempt = attempts.swap_remove(attempt);
                    let challenge = attempt.challenge().clone();
                    let binding = binding(challenge.purpose());
                    let code = challenge.code(&ring, &binding, &six).unwrap();
                    let mut text = code.expose_secret().to_owned();
                    if !right {
                        let last = if text.pop() == Some('0') { '1' } else { '0' };
                        text.push(last);
                    }
                    let typed = six.normalise(&text).unwrap();
                    match attempt.verify(&ring, &binding, &six, &typed, now) {
                        Ok(proof) => {
                            prop_assert!(right && now < challenge.expires_at());
                            let n = opened.iter().position(|c| c.id() == challenge.id()).unwrap();
                            proofs.push((proof, n));
                        }
                        Err(Rejected::Expired) => prop_assert!(now >= challenge.expires_at()),
                        Err(Rejected::WrongCode { .. }) => prop_assert!(!right),
                        Err(other) => prop_assert!(false, "{other:?}"),
                    }
                }
                Event::Consume { proof } => {
                    if proof >= proofs.len() { continue }
                    let (proof, n) = proofs.swap_remove(proof);
                    let challenge = &opened[n];
                    let should = !dead.contains(&challenge.id()) && now < challenge.expires_at();
                    prop_assert_eq!(record.consume(proof, now).is_ok(), should);
                    if should {
                        dead.push(challenge.id());
                        recent.clear();
                        in_a_row = 0;
                        prop_assert_eq!(record.standing(&policy, now), Standing::Open);
                    }
                }
                Event::Resend { challenge } => {
                    let Some(challenge) = opened.iter().rev().nth(challenge) else { continue };
                    let before = record.clone();
                    if let Ok(granted) = record.grant_resend(challenge.id(), &policy, now) {
                            prop_assert!(now < challenge.expires_at() && !dead.contains(&challenge.id()));
                            let all = resends.entry(challenge.id()).or_default();
                            let last = all.last().copied();
                            prop_assert!(last.is_none_or(|last| millis >= last + 15_000));
                            all.push(millis);
                            prop_assert!(all.len() <= 3);
                            prop_assert_eq!(granted.challenge.expires_at(), challenge.expires_at());
                            prop_assert_eq!(granted.challenge.nonce(), challenge.nonce());
                            prop_assert_eq!(
                                granted.challenge.attempts(),
                                handed_out.get(&challenge.id()).copied().unwrap_or(0)
                            );
                    } else {
                        prop_assert_eq!(&record, &before);
                    }
                }
                Event::Report { challenge, delivery } => {
                    let Some(challenge) = opened.iter().rev().nth(challenge) else { continue };
                    record.record_delivery(challenge.id(), Delivery::from_u8(delivery).unwrap(), &policy, now);
                }
                Event::Revoke { challenge } => {
                    let Some(challenge) = opened.iter().rev().nth(challenge) else { continue };
                    record.revoke(challenge.id());
                    dead.push(challenge.id());
                }
                Event::Sweep => {
                    record.sweep(now);
                    prop_assert!(record.sweep_at().is_none_or(|at| at > now));
                }
                Event::Restart => {
                    let read = SubjectRecord::from_bytes(&record.to_bytes());
                    prop_assert_eq!(read.as_ref(), Ok(&record));
                    record = read.unwrap();
                }
            }
            prop_assert!(record.challenges().len() <= purposes.len());
        }
    }

    // --- parsers ---------------------------------------------------------------------------------------------

    #[test]
    fn a_code_is_read_however_it_is_typed(
        digits in vec(0..10_u32, 6),
        wide in vec(any::<bool>(), 6),
        separators in vec("[ \u{3000}\\-ー－.‐–—─\n]{0,2}", 7),
    ) {
        let plain: String = digits.iter().map(|d| char::from_digit(*d, 10).unwrap()).collect();
        let mut typed = separators[6].clone();
        for ((digit, wide), separator) in digits.iter().zip(wide).zip(separators) {
            let base = if wide { 0xff10 } else { 0x30 };
            typed.push(char::from_u32(base + digit).unwrap());
            typed.push_str(&separator);
        }
        let six = CodeFormat::digits(6).unwrap();
        let read = six.normalise(&typed).unwrap();
        prop_assert_eq!(read.expose_secret(), plain);
    }

    #[test]
    fn what_was_derived_is_read_back(n in any::<u32>(), len in 4..=10_u8) {
        let phone = PhoneNumber::from_japanese("09012345678").unwrap();
        let binding = Binding { tenant: "", subject: "a", flow: "f", purpose: Purpose::LOGIN, phone: &phone };
        for alphabet in [Alphabet::DIGITS, Alphabet::UNMISTAKABLE, Alphabet::new("xyz").unwrap()] {
            let format = CodeFormat::new(alphabet, len).unwrap();
            let id = ChallengeId::from_bytes(bytes(n));
            let code = ring(1).derive(KeyId::new(1), &binding, id, &Nonce::from_bytes(bytes(n)), &format).unwrap();
            let typed = format.normalise(code.expose_secret()).unwrap();
            prop_assert_eq!(typed.expose_secret(), code.expose_secret());
        }
    }

    #[test]
    fn numbers_are_idempotent_in_each_form(text in "\\PC{0,30}", subscriber in "[7-9]0[0-9]{8}") {
        for text in [text, format!("0{subscriber}")] {
            if let Ok(number) = PhoneNumber::from_japanese(&text) {
                prop_assert_eq!(PhoneNumber::from_japanese(number.as_e164()), Ok(number.clone()));
                prop_assert_eq!(PhoneNumber::from_japanese(&number.national()), Ok(number.clone()));
                prop_assert_eq!(number.national().len(), 11);
            }
        }
        let is_read = PhoneNumber::from_japanese(&format!("0{subscriber}")).is_ok();
        prop_assert!(is_read);
    }

    #[test]
    fn ids_and_purposes_are_read_back(bytes in any::<[u8; 16]>(), name in "[a-z0-9._-]{1,15}") {
        let id = ChallengeId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        let purpose = Purpose::new(&name).unwrap();
        prop_assert_eq!(purpose.as_str(), name);
    }

    #[test]
    fn different_bindings_give_different_keys(a in ".{0,8}", b in ".{0,8}", c in ".{0,8}", d in ".{0,8}") {
        let same = (&a, &b) == (&c, &d);
        prop_assert_eq!(SubjectKey::derive(&a, &b) == SubjectKey::derive(&c, &d), same);
    }

    // --- messages ----------------------------------------------------------------------------------------------

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
        for limit in [KaradenLimit::OnePart, KaradenLimit::PushParts, KaradenLimit::Sms660] {
            match limit.parts(&text) {
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

    // --- shared secrets ----------------------------------------------------------------------------------------

    #[test]
    fn otpauth_uris_are_read_back(
        secret in vec(any::<u8>(), 16..=128),
        issuer in proptest::option::of("[^:\\pC\\pZ][^:\\pC\\pZ]{0,20}"),
        account in "[^:\\pC\\pZ][^:\\pC\\pZ]{0,20}",
        digits in 6..=8_u8,
        period in 5..=120_u64,
    ) {
        let secret = OathSecret::from_bytes(&secret).unwrap();
        let totp = Totp::new(secret, Algorithm::Sha256, digits, Duration::from_secs(period)).unwrap();
        let label = Label::new(issuer.as_deref(), &account).unwrap();
        let uri = Otpauth::new(label.clone(), Moving::Time(totp)).to_uri();
        let read = Otpauth::parse(&uri).unwrap();
        prop_assert_eq!(read.label(), &label);
        prop_assert_eq!(read.to_uri(), uri);
    }

    #[test]
    fn hotp_codes_have_their_digits(counter in any::<u64>(), digits in 6..=8_u8, key in vec(any::<u8>(), 16..65)) {
        let secret = OathSecret::from_bytes(&key).unwrap();
        let hotp = otp_core::oath::Hotp::new(secret, Algorithm::Sha512, digits).unwrap();
        let code = hotp.code(otp_core::oath::Counter(counter));
        prop_assert_eq!(code.expose_secret().len(), usize::from(digits));
        prop_assert!(code.expose_secret().bytes().all(|b| b.is_ascii_digit()));
    }

    // --- rates ---------------------------------------------------------------------------------------------------

    #[test]
    fn no_span_holds_more_than_the_burst_and_its_intervals(
        burst in 1..20_u32,
        period in 1..100_000_u64,
        waits in vec((0..50_000_u64, 1..4_u32), 1..100),
        span in 1..300_000_u64,
    ) {
        let rate = Rate::new(burst, Duration::from_millis(period)).unwrap();
        // Of the events in a span whose end is left out; the last is a microsecond before it or earlier.
        let most = |millis: u64| u64::from(burst) + (millis * 1_000 - 1) / rate.interval_micros();
        prop_assert!(most(period) < 2 * u64::from(burst));
        let mut mark = Mark::default();
        let mut millis = 0;
        let mut granted: Vec<(u64, u32)> = Vec::new();
        for (wait, events) in waits {
            millis += wait;
            match gcra::charge(mark, &rate, events, at(millis)) {
                Charge::Granted(charge) => {
                    mark = charge.mark;
                    granted.push((millis, events));
                }
                Charge::Refused { until } => {
                    prop_assert!(until > at(millis));
                    prop_assert!(matches!(gcra::charge(mark, &rate, events, until), Charge::Granted(_)));
                    let before = until - Duration::from_micros(1);
                    let is_refused = matches!(gcra::charge(mark, &rate, events, before), Charge::Refused { .. });
                    prop_assert!(is_refused);
                }
                Charge::TooLarge => prop_assert!(events > burst),
            }
            for span in [period, span] {
                let in_span: u64 = granted
                    .iter()
                    .filter(|(at, _)| at + span > millis)
                    .map(|(_, events)| u64::from(*events))
                    .sum();
                prop_assert!(in_span <= most(span), "{in_span} in {span} ms of {rate:?}");
            }
        }
    }
}

// --- properties that say how often they looked at something ----------------------------------------------

/// Holds `property` against values of `strategy`, and asserts that it saw both sides of its question
/// often: what only ever looks at refusals proves nothing.
fn on_both_sides<S: Strategy>(
    strategy: S,
    property: impl Fn(S::Value) -> Result<bool, TestCaseError>,
) {
    let (yes, no) = (Cell::new(0), Cell::new(0));
    let result = TestRunner::new(config()).run(&strategy, |value| {
        let side = if property(value)? { &yes } else { &no };
        side.set(side.get() + 1);
        Ok(())
    });
    result.unwrap();
    assert!(yes.get() >= 40 && no.get() >= 40, "{} yes, {} no", yes.get(), no.get());
}

#[test]
fn normalising_is_idempotent() {
    let piece = prop_oneof![
        30 => "[2-9２-９]",
        4 => "[ \u{3000}\\-ー－.\u{2010}]",
        1 => "[0-9A-Za-zＡ-Ｚ]",
        1 => "\\PC",
    ];
    let typed = (4..=10_u8).prop_flat_map(move |len| {
        let pieces = vec(piece.clone(), usize::from(len - 1)..usize::from(len + 4));
        (pieces.prop_map(|pieces| pieces.concat()), Just(len))
    });
    for alphabet in [Alphabet::DIGITS, Alphabet::UNMISTAKABLE] {
        on_both_sides(typed.clone(), |(typed, len)| {
            let format = CodeFormat::new(alphabet, len).unwrap();
            let Ok(once) = format.normalise(&typed) else { return Ok(false) };
            prop_assert_eq!(once.expose_secret().len(), usize::from(len));
            let twice = format.normalise(once.expose_secret()).unwrap();
            prop_assert_eq!(once.expose_secret(), twice.expose_secret());
            Ok(true)
        });
    }
}

/// The bytes of a record with so many challenges, of fields that are mostly in range.
fn record_bytes() -> impl Strategy<Value = Vec<u8>> {
    let instant = || prop_oneof![0..253_402_300_800_000_u64, Just(253_402_300_799_999)];
    let challenge = (any::<[u8; 32]>(), "[a-z]{1,15}", [instant(), instant(), instant()]);
    let challenge = (challenge, any::<u32>(), any::<[u8; 2]>(), 0..4_u8);
    let challenges = vec(challenge, 0..4);
    let head = (any::<[u8; 3]>(), 0..2_u8, instant(), instant());
    (head, challenges).prop_map(|((counts, blocked, last, locked), challenges)| {
        let mut bytes = vec![1];
        bytes.extend(counts);
        bytes.push(blocked);
        bytes.extend(last.to_be_bytes());
        bytes.extend(locked.to_be_bytes());
        bytes.push(u8::try_from(challenges.len()).unwrap());
        for ((ids, purpose, instants), kid, counts, delivery) in challenges {
            bytes.extend(ids);
            let mut padded = [0; 15];
            padded[..purpose.len()].copy_from_slice(purpose.as_bytes());
            bytes.extend(padded);
            bytes.extend(kid.to_be_bytes());
            bytes.extend(instants.iter().flat_map(|at| at.to_be_bytes()));
            bytes.extend(counts);
            bytes.push(delivery);
        }
        bytes
    })
}

/// Every record has one form as bytes: what is read is written as it was, after any damage.
#[test]
fn records_from_damaged_bytes_are_written_as_they_were() {
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let length = prop_oneof![8 => Just(0_i8), 1 => Just(-1), 1 => Just(1)];
    on_both_sides((record_bytes(), damage, length), |(mut bytes, damage, length)| {
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.resize(bytes.len().saturating_add_signed(length.into()), 0);
        let read = SubjectRecord::from_bytes(&bytes);
        let Ok(record) = read else { return Ok(false) };
        prop_assert_eq!(record.to_bytes(), bytes);
        Ok(true)
    });
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
    let limits = vec![KaradenLimit::OnePart, KaradenLimit::PushParts, KaradenLimit::Sms660];
    let settings = (service, host, 4..=10_u8, 0..1_300_u64, prop::sample::select(limits));
    let given = (words, settings, any::<u32>(), 0..3_000_u64);
    let phone = PhoneNumber::from_japanese("09012345678").unwrap();
    let binding =
        Binding { tenant: "", subject: "a", flow: "f", purpose: Purpose::LOGIN, phone: &phone };
    on_both_sides(given, |(words, (service, host, len, longest, limit), n, life)| {
        let format = CodeFormat::digits(len).unwrap();
        let template = SmsTemplate::new(&TemplateSettings {
            words: &words,
            service,
            host: host.map(|host| Host::new(host).unwrap()),
            code: format,
            longest_life: Duration::from_secs(longest),
            limit,
            links: Links::Refused,
        });
        let Ok(template) = template else { return Ok(false) };
        let id = ChallengeId::from_bytes(bytes(n));
        let nonce = Nonce::from_bytes([9; 16]);
        let code = ring(1).derive(KeyId::new(1), &binding, id, &nonce, &format).unwrap();
        let message = template.render(&code, Duration::from_secs(life)).unwrap();
        let (text, length) = (message.expose_secret(), message.length());
        prop_assert_eq!(length.encoding, template.longest().encoding);
        prop_assert!(length.units <= template.longest().units);
        prop_assert!(length.segments <= template.longest().segments);
        prop_assert_eq!(message.expose_secret_parts().unwrap().concat(), text);
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
