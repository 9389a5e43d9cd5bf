use std::time::{Duration, SystemTime};

use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::ZeroizeOnDrop;

use super::*;

const PERIOD: Duration = Duration::from_secs(30);

/// The secrets of the RFCs: the ASCII digits repeated up to the length of the hash.
fn secret(algorithm: Algorithm) -> OathSecret {
    let digits: Vec<u8> =
        b"1234567890".iter().copied().cycle().take(algorithm.secret_len()).collect();
    OathSecret::from_bytes(&digits).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// RFC 4226, appendix D.
#[test]
fn rfc_4226_vectors() {
    let hotp = Hotp::new(secret(Algorithm::Sha1), Algorithm::Sha1, 6).unwrap();
    let codes = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489";
    for (counter, code) in (0..).zip(codes.split(' ')) {
        assert_eq!(hotp.code(Counter(counter)).expose_secret(), code, "counter {counter}");
    }
}

/// RFC 6238, appendix B.
#[test]
fn rfc_6238_vectors() {
    for (seconds, codes) in [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ] {
        for (algorithm, code) in
            [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].into_iter().zip(codes)
        {
            let totp = Totp::new(secret(algorithm), algorithm, 8, PERIOD).unwrap();
            assert_eq!(totp.code(at(seconds)).expose_secret(), code, "{algorithm:?} at {seconds}");
        }
    }
}

#[test]
fn parameters_on_both_sides_of_each_boundary() {
    let totp = |digits, period| {
        Totp::new(secret(Algorithm::Sha1), Algorithm::Sha1, digits, period).map(|_| ())
    };
    for (digits, seconds, expected) in [
        (5, 30, Err(InvalidParameter::Digits)),
        (6, 30, Ok(())),
        (8, 30, Ok(())),
        (9, 30, Err(InvalidParameter::Digits)),
        (6, 4, Err(InvalidParameter::Period)),
        (6, 5, Ok(())),
        (6, 120, Ok(())),
        (6, 121, Err(InvalidParameter::Period)),
    ] {
        assert_eq!(totp(digits, Duration::from_secs(seconds)), expected, "{digits} {seconds}");
    }
    assert_eq!(totp(6, Duration::from_millis(30_500)), Err(InvalidParameter::Period));
    for (past, future, expected) in [
        (0, 0, Ok((0, 0))),
        (2, 0, Ok((2, 0))),
        (0, 2, Ok((0, 2))),
        (3, 0, Err(InvalidParameter::Drift)),
        (0, 3, Err(InvalidParameter::Drift)),
    ] {
        let drift = Drift::new(past, future);
        assert_eq!(drift.map(|drift| (drift.past(), drift.future())), expected);
    }
    assert_eq!(Drift::new(1, 1), Ok(Drift::default()));
    for (len, is_secret) in [(15, false), (16, true), (128, true), (129, false)] {
        assert_eq!(OathSecret::from_bytes(&vec![7; len]).is_ok(), is_secret, "{len}");
    }
}

#[test]
fn a_counter_is_looked_for_ahead_and_never_behind() {
    let hotp = Hotp::new(secret(Algorithm::Sha1), Algorithm::Sha1, 6).unwrap();
    let typed =
        |counter| hotp.format().normalise(hotp.code(Counter(counter)).expose_secret()).unwrap();
    for (counter, expected) in [
        (4, Err(NotAccepted::WrongCode)),
        (5, Ok(Counter(6))),
        (7, Ok(Counter(8))),
        (8, Err(NotAccepted::WrongCode)),
    ] {
        assert_eq!(hotp.verify(&typed(counter), Counter(5), 2), expected, "{counter}");
    }
    assert_eq!(hotp.verify(&typed(5), Counter(5), 0), Ok(Counter(6)));
    assert_eq!(hotp.verify(&typed(6), Counter(5), 0), Err(NotAccepted::WrongCode));
    // The last counter of all has no successor, so it can never be spent.
    let last = Counter(u64::MAX);
    assert_eq!(hotp.verify(&typed(u64::MAX), last, 3), Err(NotAccepted::WrongCode));
}

#[test]
fn time_may_drift_by_whole_steps_and_no_code_is_accepted_twice() {
    let totp = Totp::new(secret(Algorithm::Sha1), Algorithm::Sha1, 6, PERIOD).unwrap();
    let typed = |seconds| totp.format().normalise(totp.code(at(seconds)).expose_secret()).unwrap();
    let now = 3_000;
    let verify = |seconds, drift, last| totp.verify(&typed(seconds), at(now), drift, last);
    let one = Drift::default();
    for (seconds, expected) in [
        (2_969, Err(NotAccepted::WrongCode)),
        (2_970, Ok(Step(99))),
        (3_000, Ok(Step(100))),
        (3_029, Ok(Step(100))),
        (3_059, Ok(Step(101))),
        (3_060, Err(NotAccepted::WrongCode)),
    ] {
        assert_eq!(verify(seconds, one, None), expected, "{seconds}");
    }
    let none = Drift::new(0, 0).unwrap();
    assert_eq!(verify(2_970, none, None), Err(NotAccepted::WrongCode));
    assert_eq!(verify(3_030, none, None), Err(NotAccepted::WrongCode));
    assert_eq!(verify(3_000, none, None), Ok(Step(100)));

    assert_eq!(verify(2_970, one, Some(Step(98))), Ok(Step(99)));
    assert_eq!(verify(2_970, one, Some(Step(99))), Err(NotAccepted::Replayed));
    assert_eq!(verify(2_970, one, Some(Step(100))), Err(NotAccepted::Replayed));
    assert_eq!(verify(3_030, one, Some(Step(100))), Ok(Step(101)));
    assert_eq!(totp.verify(&typed(0), at(0), one, None), Ok(Step(0)));
}

/// About one step in a million has the code of the one before it.
#[test]
fn a_code_that_was_accepted_is_not_accepted_for_the_next_step_either() {
    let totp = Totp::new(secret(Algorithm::Sha1), Algorithm::Sha1, 6, PERIOD).unwrap();
    let (step, next) = (Step(910_737), Step(910_738));
    let typed = totp.format().normalise("911617").unwrap();
    for Step(step) in [step, next] {
        assert_eq!(totp.code(at(30 * step)).expose_secret(), "911617");
    }
    let verify = |now: Step, last| totp.verify(&typed, at(30 * now.0), Drift::default(), last);
    assert_eq!(verify(next, None), Ok(step));
    assert_eq!(verify(next, Some(step)), Err(NotAccepted::Replayed));
    assert_eq!(verify(next, Some(Step(step.0 - 1))), Ok(step));
    // Two steps later nobody can tell any more, nor is what was accepted then worth anything.
    assert_eq!(verify(Step(next.0 + 1), Some(step)), Ok(next));
}

#[test]
fn base_32_vectors() {
    // RFC 4648, 10.
    for (bytes, text) in [
        ("", ""),
        ("f", "MY"),
        ("fo", "MZXQ"),
        ("foo", "MZXW6"),
        ("foob", "MZXW6YQ"),
        ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ] {
        assert_eq!(*base32::encode(bytes.as_bytes()), text);
        assert_eq!(base32::decode(text).unwrap().as_slice(), bytes.as_bytes());
        let loose = format!(" {}===", text.to_lowercase());
        assert_eq!(base32::decode(&loose).unwrap().as_slice(), bytes.as_bytes());
    }
    for bad in ["A", "ABC", "ABCDEF", "MZ", "MY=M", "M1", "M8", "é"] {
        assert!(base32::decode(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_uri_is_read_back_as_it_was_written() {
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
        let totp = Totp::new(secret(algorithm), algorithm, 8, Duration::from_secs(60)).unwrap();
        let label = Label::new(Some("ACME & Co"), "alice@example.jp").unwrap();
        let uri = Otpauth::new(label.clone(), Moving::Time(totp)).to_uri();
        let read = Otpauth::parse(&uri).unwrap();
        assert_eq!(read.label(), &label);
        assert_eq!(read.to_uri(), uri);
    }
    let hotp = Hotp::new(secret(Algorithm::Sha1), Algorithm::Sha1, 7).unwrap();
    let label = Label::new(None, "a b").unwrap();
    let uri = Otpauth::new(label, Moving::Counter(hotp, Counter(9))).to_uri();
    assert_eq!(
        *uri,
        "otpauth://hotp/a%20b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA1&digits=7&counter=9"
    );
    assert_eq!(Otpauth::parse(&uri).unwrap().to_uri(), uri);
}

#[test]
fn a_uri_is_read_with_defaults_and_refused_by_part() {
    const S: &str = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let parse = |uri: &str| {
        Otpauth::parse(&uri.replace("SECRET", S)).map(|read| {
            (read.label().issuer().map(str::to_owned), read.label().account().to_owned())
        })
    };
    let label = |issuer: Option<&str>, account: &str| Ok((issuer.map(Into::into), account.into()));
    for (uri, expected) in [
        ("otpauth://totp/alice?SECRET", label(None, "alice")),
        ("OTPAUTH://TOTP/alice?SECRET&image=x#f", label(None, "alice")),
        ("otpauth://totp/A:alice?SECRET", label(Some("A"), "alice")),
        ("otpauth://totp/A%3A%20alice?SECRET&issuer=A", label(Some("A"), "alice")),
        ("otpauth://totp/alice?SECRET&issuer=B+C", label(Some("B+C"), "alice")),
        ("otpauth://totp/A:alice?SECRET&issuer=B", Err(InvalidUri::Label)),
        ("otpauth://totp/A:b:c?SECRET", Err(InvalidUri::Label)),
        ("otpauth://totp/?SECRET", Err(InvalidUri::Label)),
        ("otpauth://totp/%ff?SECRET", Err(InvalidUri::Label)),
        ("otpauth://totp/%4?SECRET", Err(InvalidUri::Label)),
        ("otpauth://totp/%+4?SECRET", Err(InvalidUri::Label)),
        ("otpauth://totp/a%00?SECRET", Err(InvalidUri::Label)),
        ("otpauth://motp/alice?SECRET", Err(InvalidUri::Kind)),
        ("otpauth://totp", Err(InvalidUri::Kind)),
        ("https://totp/alice?SECRET", Err(InvalidUri::Scheme)),
        ("otpauth://totp/alice", Err(InvalidUri::Secret)),
        ("otpauth://totp/alice?issuer=A", Err(InvalidUri::Secret)),
        ("otpauth://totp/alice?secret=GEZDGNBV", Err(InvalidUri::Secret)),
        ("otpauth://totp/alice?secret=0", Err(InvalidUri::Secret)),
        ("otpauth://totp/alice?SECRET&SECRET", Err(InvalidUri::Parameter)),
        ("otpauth://totp/alice?SECRET&digits", Err(InvalidUri::Parameter)),
        ("otpauth://totp/alice?SECRET&digits=5", Err(InvalidUri::Parameter)),
        ("otpauth://totp/alice?SECRET&digits=+6", Err(InvalidUri::Parameter)),
        ("otpauth://totp/alice?SECRET&digits=6&digits=6", Err(InvalidUri::Parameter)),
        ("otpauth://totp/alice?SECRET&period=0", Err(InvalidUri::Parameter)),
        ("otpauth://totp/alice?SECRET&period=121", Err(InvalidUri::Parameter)),
        ("otpauth://totp/alice?SECRET&algorithm=MD5", Err(InvalidUri::Parameter)),
        ("otpauth://hotp/alice?SECRET", Err(InvalidUri::Parameter)),
        ("otpauth://hotp/alice?SECRET&counter=18446744073709551615", label(None, "alice")),
        ("otpauth://hotp/alice?SECRET&counter=18446744073709551616", Err(InvalidUri::Parameter)),
    ] {
        assert_eq!(parse(uri), expected, "{uri}");
    }
    let Moving::Time(totp) =
        Otpauth::parse(&format!("otpauth://totp/a?{S}")).unwrap().into_parts().1
    else {
        panic!("a totp uri")
    };
    assert_eq!(totp.algorithm(), Algorithm::Sha1);
    assert_eq!(totp.format().len(), 6);
    assert_eq!(totp.period(), PERIOD);
}

/// Removing the wiping does not compile here.
#[test]
fn secrets_and_what_is_made_of_them_are_wiped() {
    fn wiped<T: ZeroizeOnDrop>(_: &T) {}
    let OathSecret(bytes) = secret(Algorithm::Sha1);
    wiped(&bytes);
    // The states that an HMAC is made of; `Hmac` itself does not say so.
    wiped(&Sha1::default());
    wiped(&Sha256::default());
    wiped(&Sha512::default());
    wiped(&base32::encode(&bytes));
    wiped(&base32::decode("MZXW6").unwrap());
    wiped(&otpauth::decode("MZXW6").unwrap());
}

/// A buffer that grew would have left a part of the secret behind in the memory it grew out of.
#[test]
fn a_uri_and_its_secret_are_written_into_one_buffer() {
    for len in OathSecret::MIN_LEN..=OathSecret::MAX_LEN {
        let secret = OathSecret::from_bytes(&vec![7; len]).unwrap();
        let base32 = secret.expose_base32();
        assert!(base32.capacity() < base32.len() + 8, "{len}");
        let totp = Totp::new(secret, Algorithm::Sha1, 6, PERIOD).unwrap();
        let label = Label::new(Some("みどり銀行"), "alice").unwrap();
        let uri = Otpauth::new(label, Moving::Time(totp)).to_uri();
        assert_eq!(uri.capacity(), uri.len(), "{len}");
    }
}

#[test]
fn a_secret_is_handed_out_as_it_came_in() {
    let bytes: Vec<u8> = (0..20).collect();
    let secret = OathSecret::from_bytes(&bytes).unwrap();
    assert_eq!(secret.expose_secret(), bytes);
    let read = OathSecret::from_base32(&secret.expose_base32()).unwrap();
    assert_eq!(read.expose_secret(), bytes);
}

#[test]
fn no_secret_shows_in_debug() {
    assert_eq!(format!("{:?}", secret(Algorithm::Sha1)), "OathSecret(..)");
    let totp = Totp::new(secret(Algorithm::Sha1), Algorithm::Sha1, 6, PERIOD).unwrap();
    let code = totp.code(at(59));
    let otpauth = Otpauth::new(Label::new(None, "a").unwrap(), Moving::Time(totp));
    let shown = format!("{otpauth:?} {code:?}");
    assert!(!shown.contains("GEZDG") && !shown.contains("49, 50") && !shown.contains("287082"));
    let error = Otpauth::parse("otpauth://totp/a?secret=918273645").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("918273645"));
}
