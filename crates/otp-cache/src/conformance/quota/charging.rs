//! Clauses 1, 2, 4 and 5: charges and refunds, and the rule itself.

use std::time::{Duration, SystemTime};

use otp_core::{
    MAX_CLOCK_LEAD,
    gcra::{self, Rate, Tat},
};

use crate::{
    Charge, Quota, QuotaRefused,
    conformance::{
        amounts::{DAY, HOUR, JUMPS, hourly},
        dice::Dice,
        kit::{CALLERS, Kit, dropped_after, granted, ok},
    },
};

/// Clause 1, **never more**. Calls one after the other, 200 at once, and with every other caller dropped before
/// its call returns.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_1_never_more<S: Quota>(kit: &Kit<S>) {
    not_before_one_is_refilled(kit).await;
    never_more_than_ever_allowed(kit).await;
    not_for_free_the_second_time(kit).await;
    never_more_under_load(kit).await;
    for polls in 0..4 {
        never_more_beside_calls_that_were_dropped(kit, polls).await;
    }
}

async fn not_before_one_is_refilled<S: Quota>(kit: &Kit<S>) {
    let (store, now) = (kit.node(), kit.start());
    let charge = Charge::new(kit.quota_key(), hourly(5));
    for left in (0..5).rev() {
        let charged = granted(kit.node().charge(&[charge], now).await);
        assert_eq!(charged.left(), left, "quota clause 1");
    }
    let until = now + HOUR / 5;
    let early = until - Duration::from_millis(1);
    for at in [now, early] {
        let refused = ok(store.charge(&[charge], at).await).err();
        assert_eq!(refused, Some(QuotaRefused { which: 0, until: Some(until) }), "quota clause 1");
    }
    let charged = granted(store.charge(&[charge], until).await);
    assert_eq!(charged.left(), 0, "quota clause 1: one is refilled");
}

async fn never_more_than_ever_allowed<S: Quota>(kit: &Kit<S>) {
    let charge = Charge::new(kit.quota_key(), hourly(3)).with_events(4);
    let refused = ok(kit.node().charge(&[charge], kit.start()).await).err();
    let never = QuotaRefused { which: 0, until: None };
    assert_eq!(refused, Some(never), "quota clause 1: more at once than the rate has");
}

/// A key that a caller names twice in one call.
async fn not_for_free_the_second_time<S: Quota>(kit: &Kit<S>) {
    let (store, now) = (kit.node(), kit.start());
    let (twice, once) =
        (Charge::new(kit.quota_key(), hourly(5)), Charge::new(kit.quota_key(), hourly(5)));
    let charged = granted(store.charge(&[twice, once, twice], now).await);
    assert_eq!(charged.left(), 3, "quota clause 1: a key that was named twice");
    assert_eq!(left(kit, twice).await, 3, "quota clause 1: a key that was named twice");
    assert_eq!(left(kit, once).await, 4, "quota clause 1: and the other once");
    ok(store.refund(&charged, now).await);
    assert_eq!(left(kit, twice).await, 5, "quota clause 5: a key that was named twice");
    let three = twice.with_events(3);
    let refused = ok(store.charge(&[three, once, three], now).await).err();
    assert_eq!(
        refused.map(|refused| refused.which),
        Some(2),
        "quota clause 1: twice three of five"
    );
    assert_eq!(left(kit, twice).await, 5, "quota clause 2: a key that was named twice");
}

/// Returns how many more single events the key would be granted.
async fn left<S: Quota>(kit: &Kit<S>, charge: Charge) -> u32 {
    granted(kit.node().charge(&[charge.with_events(0)], kit.start()).await).left()
}

async fn never_more_under_load<S: Quota>(kit: &Kit<S>) {
    let (charge, now) = (Charge::new(kit.quota_key(), hourly(20)), kit.start());
    let answers = kit
        .at_once(CALLERS, |_, store| async move { ok(store.charge(&[charge], now).await).is_ok() })
        .await;
    let charged = answers.into_iter().filter(|is_ok| *is_ok).count();
    assert_eq!(charged, 20, "quota clause 1: under {CALLERS} callers at once");
}

/// A dropped call stays charged or not. The others get no more than what is left.
async fn never_more_beside_calls_that_were_dropped<S: Quota>(kit: &Kit<S>, polls: u32) {
    let (charge, now) = (Charge::new(kit.quota_key(), hourly(20)), kit.start());
    let answers = kit
        .at_once(CALLERS, |number, store| async move {
            let polls = if number % 2 == 0 { polls } else { u32::MAX };
            let call = async { ok(store.charge(&[charge], now).await).is_ok() };
            dropped_after(polls, call).await == Some(true)
        })
        .await;
    let heard = answers.into_iter().filter(|is_heard| *is_heard).count();
    assert!(heard <= 20, "quota clause 1: {heard} beside calls that were dropped");
    let more = ok(kit.node().charge(&[charge], now).await);
    assert!(more.is_err(), "quota clause 1: {CALLERS} asked for 20, and one is left: {more:?}");
}

/// Clause 2, **all or none**. A refusal says which limit is reached and until when. It leaves nothing charged, also
/// after 200 callers at once of which most were refused.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_2_all_or_none<S: Quota>(kit: &Kit<S>) {
    a_refused_charge_stays_on_no_key(kit).await;
    every_key_is_charged_every_time(kit).await;
    refusals_in_a_race_leave_nothing(kit).await;
}

async fn a_refused_charge_stays_on_no_key<S: Quota>(kit: &Kit<S>) {
    let (store, now) = (kit.node(), kit.start());
    let wide = Charge::new(kit.quota_key(), hourly(100));
    let narrow = Charge::new(kit.quota_key(), hourly(1));
    let never = Charge::new(kit.quota_key(), hourly(1)).with_events(2);
    assert_eq!(granted(store.charge(&[], now).await).charges().len(), 0, "no charge is granted");
    let _ = granted(store.charge(&[wide, narrow], now).await);
    let refused = ok(store.charge(&[wide, narrow], now).await).err();
    let expected = QuotaRefused { which: 1, until: Some(now + HOUR) };
    assert_eq!(refused, Some(expected), "quota clause 2: says which and until when");
    let refused = ok(store.charge(&[never, wide, narrow], now).await).err();
    let expected = QuotaRefused { which: 0, until: None };
    assert_eq!(refused, Some(expected), "quota clause 2: the refusal with the longest wait");
    let charged = granted(store.charge(&[wide], now).await);
    assert_eq!(charged.left(), 98, "quota clause 2: a refused charge stays on no key");
}

async fn every_key_is_charged_every_time<S: Quota>(kit: &Kit<S>) {
    // Overlapping sets in different orders, so that locks taken in the order of the call would deadlock.
    let (keys, now): (Vec<_>, _) = ((0..4).map(|_| kit.quota_key()).collect(), kit.start());
    let answers = kit
        .at_once(CALLERS, |number, store| {
            let mut charges: Vec<_> =
                keys.iter().map(|key| Charge::new(*key, hourly(1_000))).collect();
            charges.rotate_left(number % 4);
            async move { ok(store.charge(&charges, now).await).is_ok() }
        })
        .await;
    assert!(answers.into_iter().all(|is_ok| is_ok), "quota clause 2: all within the rate");
    for key in keys {
        let charged = granted(kit.node().charge(&[Charge::new(key, hourly(1_000))], now).await);
        assert_eq!(charged.left(), 1_000 - 201, "quota clause 2: every key charged every time");
    }
}

async fn refusals_in_a_race_leave_nothing<S: Quota>(kit: &Kit<S>) {
    let now = kit.start();
    let wide = Charge::new(kit.quota_key(), hourly(1_000));
    let narrow = Charge::new(kit.quota_key(), hourly(20));
    let answers = kit
        .at_once(CALLERS, |number, store| {
            let mut charges = [wide, narrow];
            charges.rotate_left(number % 2);
            async move { ok(store.charge(&charges, now).await).is_ok() }
        })
        .await;
    let charged = answers.into_iter().filter(|is_ok| *is_ok).count();
    assert_eq!(charged, 20, "quota clause 2: as many as the narrow one has");
    let next = granted(kit.node().charge(&[wide], now).await);
    assert_eq!(next.left(), 1_000 - 21, "quota clause 2: the wide one holds twenty, no refusal");
}

/// Clause 4, **the caller's clock decides**. In any year, a charge counts up to its last millisecond. A charge that a
/// wrong clock has made refuses nothing once the clock is right.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_4_the_callers_clock_decides<S: Quota>(kit: &Kit<S>) {
    for year in [1, 40, 200] {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(year * 31_536_000);
        let charge = Charge::new(kit.quota_key(), hourly(1));
        let _ = granted(kit.node().charge(&[charge], now).await);
        let almost = now + HOUR - Duration::from_millis(1);
        assert!(ok(kit.node().charge(&[charge], almost).await).is_err(), "quota clause 4");
        let _ = granted(kit.node().charge(&[charge], now + HOUR).await);
    }
    for lead in [MAX_CLOCK_LEAD, DAY, 365 * DAY] {
        a_clock_that_was_wrong_refuses_nothing(kit, lead).await;
    }
}

/// Checks a key that a clock charged while it was ahead by `lead`. At a lead of [`MAX_CLOCK_LEAD`] the charge counts in
/// full. At one more millisecond it refuses nothing.
async fn a_clock_that_was_wrong_refuses_nothing<S: Quota>(kit: &Kit<S>, lead: Duration) {
    let charge = Charge::new(kit.quota_key(), hourly(5));
    let all = charge.with_events(5);
    let _ = granted(kit.node().charge(&[all], kit.start() + lead).await);
    if lead == MAX_CLOCK_LEAD {
        let refused = ok(kit.node().charge(&[charge], kit.start()).await).err();
        let until = Some(kit.start() + lead + HOUR / 5);
        let refused = refused.map(|refused| refused.until);
        assert_eq!(refused, Some(until), "quota clause 4: another machine's clock may be ahead");
    }
    let now = kit.start() - Duration::from_millis(1);
    let charged = ok(kit.node().charge(&[charge], now).await);
    let charged = charged.expect("quota clause 4: a clock that was wrong refuses nothing");
    assert_eq!(charged.left(), 0, "quota clause 4: one more charge");
    let refused = ok(kit.node().charge(&[charge], now).await).err();
    let refused = refused.map(|refused| refused.until);
    assert_eq!(refused, Some(Some(now + HOUR / 5)), "quota clause 4: and then the rate");
}

/// Clause 5, **a refund gives back what was charged**, to the same keys and no more.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_5_a_refund_gives_back_what_was_charged<S: Quota>(kit: &Kit<S>) {
    let (store, now) = (kit.node(), kit.start());
    let yen = Charge::new(kit.quota_key(), hourly(100)).with_events(40);
    let one = Charge::new(kit.quota_key(), hourly(5));
    let charged = granted(store.charge(&[yen, one], now).await);
    let _ = granted(store.charge(&[yen, one], now).await);
    assert!(ok(store.charge(&[yen, one], now).await).is_err(), "quota clause 5: 20 left");
    ok(store.refund(&charged, now).await);
    let again = granted(store.charge(&[yen], now).await);
    assert_eq!(again.left(), 20, "quota clause 5: what was charged is back, and no more");
    assert_eq!(granted(store.charge(&[one], now).await).left(), 3, "quota clause 5");
    nothing_comes_back_twice(kit).await;
}

/// One of five events per hour, with four more charged after it. It refills in twelve minutes.
async fn nothing_comes_back_twice<S: Quota>(kit: &Kit<S>) {
    let (store, now) = (kit.node(), kit.start());
    for minutes in [0, 6, 12, 60] {
        let one = Charge::new(kit.quota_key(), hourly(5));
        let charged = granted(store.charge(&[one], now).await);
        let later = now + Duration::from_secs(60 * minutes);
        let _ = granted(store.charge(&[one.with_events(4)], later).await);
        ok(store.refund(&charged, later).await);
        let left = granted(store.charge(&[one.with_events(0)], later).await).left();
        assert_eq!(left, 1, "quota clause 5: given back after {minutes} minutes");
    }
}

/// Compares the store with the rule of [`gcra`] on a random walk over instants and amounts. The clock jumps back and
/// forth, by a day or a year too.
///
/// # Panics
///
/// If the store and the rule differ, or the store fails.
pub async fn decides_as_the_pure_rule<S: Quota>(kit: &Kit<S>) {
    let rates = [
        Rate::new(5, HOUR).expect("valid"),
        Rate::new(10, 24 * HOUR).expect("valid"),
        Rate::new(7, Duration::from_micros(7_001)).expect("valid"),
        Rate::new(1_000_000, 366 * 24 * HOUR).expect("valid"),
    ];
    let mut dice = Dice::new(11);
    for rate in rates {
        let (mut key, mut tat, mut now) = (kit.quota_key(), Tat::default(), kit.start());
        for step in 0..60 {
            now += Duration::from_micros(rate.interval_micros() * dice.below(5) / 3);
            match dice.below(20) {
                0 => {
                    // What has then refilled may be swept, and the clock may come back.
                    (key, tat) = (kit.quota_key(), Tat::default());
                    now += dice.pick(&[DAY, 365 * DAY]);
                }
                1 => now -= dice.pick(&JUMPS),
                _ => {}
            }
            let charge = Charge::new(key, rate).with_events(dice.small(rate.burst().min(4) + 2));
            let expected = gcra::charge(tat, &rate, charge.events, now);
            let answer = ok(kit.node().charge(&[charge], now).await);
            match (expected, answer) {
                (gcra::Decision::Granted(granted), Ok(charged)) => {
                    tat = granted.tat;
                    assert_eq!(charged.left(), granted.left, "step {step} of {rate:?}");
                }
                (gcra::Decision::Refused { until }, Err(refused)) => {
                    assert_eq!(refused.until, Some(until), "step {step} of {rate:?}");
                }
                (gcra::Decision::TooLarge, Err(refused)) => assert_eq!(refused.until, None),
                (expected, answer) => {
                    panic!("step {step} of {rate:?}: {expected:?} expected, {answer:?} answered")
                }
            }
        }
    }
}
