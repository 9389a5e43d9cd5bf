//! A record as bytes and as parts, and what of it shows.

use super::*;
use crate::layout;

#[test]
fn bytes_are_read_back() {
    let mut blocked = Bench::opened().record;
    blocked.limiter.is_blocked = true;
    for record in [SubjectRecord::new(), Bench::opened().record, busy_record(), blocked] {
        let bytes = record.to_bytes();
        assert_eq!(bytes.len(), 22 + 78 * record.challenges().len());
        assert_eq!(SubjectRecord::from_bytes(&bytes), Ok(record));
    }
}

/// The layout is a promise to stores that read it, so it is pinned byte by byte.
#[test]
fn the_layout_is_version_1() {
    let mut bench = Bench::new();
    let new = NewChallenge {
        id: ChallengeId::from_bytes([0xa1; 16]),
        nonce: Nonce::from_bytes([0xb2; 16]),
        kid: KeyId::new(0x0102_0304),
        ..new(0, Purpose::STEP_UP, at(LIFE))
    };
    bench.record.open(new, &bench.policy, at(0)).unwrap();
    let subject = Bench::subject();
    let _ = bench.record.begin_attempt(subject, new.id, &bench.policy, at(1)).unwrap();
    bench.record.record_delivery(new.id, DeliveryStatus::OutOfRange, &bench.policy, at(2));
    let millis = |seconds: u64| ((T0.as_secs() + seconds) * 1000).to_be_bytes();
    let mut expected = vec![1, 1, 1, 0, 0];
    expected.extend(millis(1));
    expected.extend([0; 8]);
    expected.push(1);
    expected.extend([0xa1; 16]);
    expected.extend([0xb2; 16]);
    expected.extend(b"step-up\0\0\0\0\0\0\0\0");
    expected.extend([1, 2, 3, 4]);
    expected.extend(millis(0));
    expected.extend(millis(LIFE));
    expected.extend(millis(17));
    expected.extend([1, 0, 2]);
    assert_eq!(bench.record.to_bytes(), expected);
}

#[test]
fn each_field_is_where_the_layout_says() {
    let record = busy_record();
    let bytes = record.to_bytes();
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| (sum << 8) + u64::from(*byte));
    let header = |field: layout::Field| number(&bytes[field.range()]);
    assert_eq!(header(layout::VERSION_FIELD), u64::from(layout::VERSION));
    assert_eq!(
        header(layout::CONSECUTIVE_FAILURES),
        u64::from(record.limiter.consecutive_failures)
    );
    assert_eq!(header(layout::ATTEMPTS_IN_WINDOW), u64::from(record.limiter.attempts_in_window));
    assert_eq!(header(layout::CONSECUTIVE_LOCKS), u64::from(record.limiter.consecutive_locks));
    assert_eq!(header(layout::IS_BLOCKED), u64::from(record.limiter.is_blocked));
    assert_eq!(header(layout::LAST_ATTEMPT_AT), record.limiter.last_attempt_at.as_u64());
    assert_eq!(header(layout::LOCKED_UNTIL), record.limiter.locked_until.as_u64());
    assert_eq!(header(layout::CHALLENGE_COUNT), record.challenges().len() as u64);
    let packed = bytes[layout::HEADER_LEN..].chunks_exact(layout::CHALLENGE_LEN);
    for (challenge, packed) in record.challenges().iter().zip(packed) {
        let field = |field: layout::Field| &packed[field.range()];
        assert_eq!(field(layout::ID), challenge.id.as_bytes());
        assert_eq!(field(layout::NONCE), challenge.nonce.as_bytes());
        assert_eq!(field(layout::PURPOSE), challenge.purpose.padded());
        assert_eq!(number(field(layout::KEY_ID)), u64::from(challenge.kid.as_u32()));
        assert_eq!(number(field(layout::OPENED_AT)), challenge.opened_at.as_u64());
        assert_eq!(number(field(layout::EXPIRES_AT)), challenge.expires_at.as_u64());
        assert_eq!(number(field(layout::RESEND_AT)), challenge.resend_at.as_u64());
        assert_eq!(number(field(layout::ATTEMPTS)), u64::from(challenge.attempts));
        assert_eq!(number(field(layout::RESENDS)), u64::from(challenge.resends));
        assert_eq!(number(field(layout::DELIVERY)), u64::from(challenge.delivery.as_u8()));
    }
}

#[test]
fn other_bytes_are_refused() {
    let good = busy_record().to_bytes();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let mut same_id = good.clone();
    same_id.copy_within(22..38, 100);
    let mut same_purpose = good.clone();
    same_purpose.copy_within(54..69, 132);
    let mut nine = good[..22].to_vec();
    nine[21] = 9;
    for n in 0..9 {
        let mut challenge = good[22..100].to_vec();
        (challenge[0], challenge[32]) = (n, b'a' + n);
        nine.extend(challenge);
    }
    let mut eight = nine[..nine.len() - 78].to_vec();
    eight[21] = 8;
    assert!(SubjectRecord::from_bytes(&eight).is_ok());
    let mut longer = good.clone();
    longer.push(0);
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("cut", good[..good.len() - 1].to_vec()),
        ("longer", longer),
        ("version 0", with(0, 0)),
        ("version 2", with(0, 2)),
        ("blocked 2", with(4, 2)),
        ("an instant past the year 9999", with(5, 1)),
        ("a lock past the year 9999", with(13, 1)),
        ("fewer challenges than there are", with(21, 3)),
        ("more challenges than there are", with(21, 5)),
        ("nine challenges", nine),
        ("an empty purpose", with(54, 0)),
        ("a purpose with a hole", with(55, 0)),
        ("a purpose in upper case", with(54, b'P')),
        ("delivery 5", with(22 + 77, 5)),
        ("one id twice", same_id),
        ("one purpose twice", same_purpose),
    ] {
        assert_eq!(SubjectRecord::from_bytes(&bytes), Err(InvalidRecord), "{what}");
    }
}

#[test]
fn records_with_other_challenges_are_not_the_same() {
    let with = |n| {
        let mut bench = Bench::new();
        bench.open(n, at(0)).unwrap();
        bench.record
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
    assert_ne!(with(1), SubjectRecord::new());
}

/// One challenge stands in the record itself, also when others were there.
#[test]
fn a_record_that_is_left_with_one_challenge_is_short_again() {
    use crate::record::challenges::Challenges;
    let mut bench = Bench::opened();
    bench.record.open(new(2, Purpose::STEP_UP, at(LIFE)), &bench.policy, at(0)).unwrap();
    assert!(matches!(bench.record.challenges, Challenges::Many(_)));
    bench.record.revoke(id(2));
    assert!(matches!(bench.record.challenges, Challenges::One(_)));
    bench.record.revoke(id(1));
    assert!(matches!(bench.record.challenges, Challenges::None));
}

#[test]
fn parts_are_put_together_again() {
    let challenge = &busy_record().challenges()[2].clone();
    let parts = challenge.to_parts();
    assert_eq!(Challenge::from_parts(&parts).as_ref(), Ok(challenge));
    let last = 253_402_300_799_999;
    for (millis, is_good) in [(last, true), (last + 1, false)] {
        for parts in [
            ChallengeParts { opened_at_millis: millis, ..parts.clone() },
            ChallengeParts { expires_at_millis: millis, ..parts.clone() },
            ChallengeParts { resend_at_millis: millis, ..parts.clone() },
        ] {
            assert_eq!(Challenge::from_parts(&parts).is_ok(), is_good);
        }
    }
}

#[test]
fn instants_out_of_range_are_moved_to_its_ends() {
    let mut bench = Bench::new();
    let before_epoch = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    let challenge =
        bench.record.open(new(1, Purpose::LOGIN, far), &bench.policy, before_epoch).unwrap();
    assert_eq!(challenge.opened_at(), SystemTime::UNIX_EPOCH);
    assert_eq!(
        challenge.expires_at(),
        SystemTime::UNIX_EPOCH + Duration::from_millis(253_402_300_799_999)
    );
    assert!(bench.begin(1, far).is_err());
    assert!(bench.begin(1, before_epoch).is_ok());
}

#[test]
fn a_record_at_the_end_of_time_is_read_back() {
    let mut bench = Bench::new();
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    let challenge = bench.record.open(new(1, Purpose::LOGIN, far), &bench.policy, far).unwrap();
    assert_eq!(challenge.resend_at(&bench.policy), Some(challenge.expires_at()));
    assert_eq!(SubjectRecord::from_bytes(&bench.record.to_bytes()), Ok(bench.record));
}

#[test]
fn no_nonce_and_no_code_shows_in_debug() {
    let mut bench = Bench::opened();
    let code = bench.right_code(&bench.record.challenges()[0]);
    let attempt = bench.begin(1, at(1)).unwrap();
    let verified = bench.verify_right(attempt, at(1)).unwrap();
    let shown = format!("{:?} {verified:?} {code:?} {:?}", bench.record, bench.keys);
    assert!(!shown.contains(code.expose_secret()), "{shown}");
    assert!(!shown.contains("1, 1, 1"), "{shown}");
}
