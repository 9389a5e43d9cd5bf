//! Sending a code again, and what is known about the way of its message.

use super::*;

// --- resend -----------------------------------------------------------------------------------------

#[test]
fn resends_after_60_90_180_seconds_and_no_fourth() {
    let settings = PolicySettings { resends_per_challenge: 3, ..PolicySettings::default() };
    let mut bench = Bench { policy: Policy::new(settings).unwrap(), ..Bench::new() };
    let long = new(1, Purpose::LOGIN, at(600));
    let opened = bench.record.open(long, &bench.policy, at(0)).unwrap();
    assert_eq!(opened.resend_at(&bench.policy), Some(at(60)));
    let code = bench.right_code(&opened);
    let mut due = 60;
    for (left, wait) in [(2, Some(90)), (1, Some(180)), (0, None)] {
        let early = bench.record.grant_resend(id(1), &bench.policy, just_before(due));
        assert_eq!(early, Err(ResendRefused::TooEarly { at: at(due) }));
        let granted = bench.record.grant_resend(id(1), &bench.policy, at(due)).unwrap();
        assert_eq!((granted.resends_left, granted.next_at), (left, wait.map(|w| at(due + w))));
        assert_eq!(bench.right_code(&granted.challenge).expose_secret(), code.expose_secret());
        assert_eq!(granted.challenge.expires_at(), at(600));
        due += wait.unwrap_or(0);
    }
    let fourth = bench.record.grant_resend(id(1), &bench.policy, at(599));
    assert_eq!(fourth, Err(ResendRefused::Exhausted));
}

#[test]
fn a_resend_resets_no_attempt() {
    let mut bench = Bench::opened();
    for _ in 0..4 {
        let _ = bench.begin(1, at(1)).unwrap();
    }
    let granted = bench.record.grant_resend(id(1), &bench.policy, at(60)).unwrap();
    assert_eq!(granted.challenge.attempts(), 4);
    assert_eq!(bench.begin(1, at(61)).unwrap().attempts_left(), 0);
    assert_eq!(bench.begin(1, at(61)).unwrap_err(), AttemptRefused::AttemptsExhausted);
    let refused = bench.record.grant_resend(id(1), &bench.policy, at(200));
    assert_eq!(refused, Err(ResendRefused::AttemptsExhausted));
}

#[test]
fn no_resend_of_what_is_gone() {
    let mut bench = Bench::opened();
    let resend = |bench: &mut Bench, n, now| bench.record.grant_resend(id(n), &bench.policy, now);
    assert_eq!(resend(&mut bench, 2, at(100)), Err(ResendRefused::NotFound));
    assert_eq!(resend(&mut bench, 1, at(LIFE)), Err(ResendRefused::Expired));
    assert!(resend(&mut bench, 1, just_before(LIFE)).is_ok());
}

#[test]
fn a_policy_without_resends_grants_none() {
    let settings = PolicySettings { resends_per_challenge: 0, ..PolicySettings::default() };
    let mut bench = Bench { policy: Policy::new(settings).unwrap(), ..Bench::new() };
    let opened = bench.open(1, at(0)).unwrap();
    assert_eq!(opened.resend_at(&bench.policy), None);
    let refused = bench.record.grant_resend(id(1), &bench.policy, at(100));
    assert_eq!(refused, Err(ResendRefused::Exhausted));
}

// --- delivery ---------------------------------------------------------------------------------------

#[test]
fn an_undelivered_message_may_be_resent_after_15_seconds() {
    for delivery in [DeliveryStatus::OutOfRange, DeliveryStatus::Failed] {
        let mut bench = Bench::opened();
        assert!(bench.record.record_delivery(id(1), delivery, &bench.policy, at(10)));
        let early = bench.record.grant_resend(id(1), &bench.policy, just_before(25));
        assert_eq!(early, Err(ResendRefused::TooEarly { at: at(25) }));
        let granted = bench.record.grant_resend(id(1), &bench.policy, at(25)).unwrap();
        assert_eq!(granted.challenge.delivery(), DeliveryStatus::Pending);
        assert_eq!(granted.next_at, Some(at(25 + 90)), "the next message has its own wait");
    }
}

#[test]
fn a_number_that_changed_hands_does_not_shorten_the_wait() {
    let mut bench = Bench::opened();
    assert!(bench.record.record_delivery(
        id(1),
        DeliveryStatus::ChangedHands,
        &bench.policy,
        at(10)
    ));
    let early = bench.record.grant_resend(id(1), &bench.policy, just_before(60));
    assert_eq!(early, Err(ResendRefused::TooEarly { at: at(60) }));
}

#[test]
fn a_late_report_does_not_lengthen_the_wait() {
    let mut bench = Bench::opened();
    assert!(bench.record.record_delivery(id(1), DeliveryStatus::Failed, &bench.policy, at(55)));
    assert!(bench.record.grant_resend(id(1), &bench.policy, at(60)).is_ok());
}

#[test]
fn reports_that_come_twice_or_out_of_order_change_nothing() {
    use DeliveryStatus::{ChangedHands, Delivered, Failed, OutOfRange, Pending};
    for (first, second, changes) in [
        (Pending, Pending, false),
        (Pending, Delivered, true),
        (Pending, OutOfRange, true),
        (Pending, Failed, true),
        (Delivered, Pending, false),
        (Delivered, Delivered, false),
        (Delivered, OutOfRange, false),
        (Delivered, Failed, false),
        (OutOfRange, Pending, false),
        (OutOfRange, Delivered, true),
        (OutOfRange, OutOfRange, false),
        (OutOfRange, Failed, false),
        (Failed, Pending, false),
        (Failed, Delivered, true),
        (Failed, OutOfRange, false),
        (Failed, Failed, false),
        (Pending, ChangedHands, true),
        (Delivered, ChangedHands, false),
        (OutOfRange, ChangedHands, true),
        (Failed, ChangedHands, true),
        (ChangedHands, Pending, false),
        (ChangedHands, Delivered, false),
        (ChangedHands, OutOfRange, false),
        (ChangedHands, Failed, false),
        (ChangedHands, ChangedHands, false),
    ] {
        let mut bench = Bench::opened();
        bench.record.record_delivery(id(1), first, &bench.policy, at(1));
        let before = bench.record.challenges()[0].clone();
        let changed = bench.record.record_delivery(id(1), second, &bench.policy, at(2));
        assert_eq!(changed, changes, "{first:?} then {second:?}");
        let after = bench.record.challenges()[0].clone();
        assert_eq!(after.delivery(), if changes { second } else { first });
        assert_eq!(after == before, !changes);
    }
}

#[test]
fn a_report_about_what_is_gone_changes_nothing() {
    let mut bench = Bench::opened();
    assert!(!bench.record.record_delivery(id(2), DeliveryStatus::Failed, &bench.policy, at(1)));
    assert!(!bench.record.record_delivery(id(1), DeliveryStatus::Failed, &bench.policy, at(LIFE)));
    assert!(bench.record.record_delivery(
        id(1),
        DeliveryStatus::Failed,
        &bench.policy,
        just_before(LIFE)
    ));
}

#[test]
fn each_delivery_has_its_number_and_only_failures_are_undelivered() {
    for (number, delivery, is_undelivered) in [
        (0, DeliveryStatus::Pending, false),
        (1, DeliveryStatus::Delivered, false),
        (2, DeliveryStatus::OutOfRange, true),
        (3, DeliveryStatus::Failed, true),
        (4, DeliveryStatus::ChangedHands, false),
    ] {
        assert_eq!((delivery.as_u8(), delivery.is_undelivered()), (number, is_undelivered));
        assert_eq!(DeliveryStatus::from_u8(number), Some(delivery));
    }
    assert_eq!(DeliveryStatus::from_u8(5), None);
}

#[test]
fn resends_are_counted() {
    let mut bench = Bench::opened();
    for (resends, now) in [(1, 60), (2, 150)] {
        bench.record.grant_resend(id(1), &bench.policy, at(now)).unwrap();
        assert_eq!(bench.record.challenges()[0].resends(), resends);
    }
}
