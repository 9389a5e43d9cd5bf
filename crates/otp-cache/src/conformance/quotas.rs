//! The clauses of [`Quota`](crate::Quota).

use std::time::Duration;

use otp_core::gcra::{self, Mark, Rate};

use super::kit::{Kit, granted, ok};
use crate::{ChallengeStore, Charge, Quota, QuotaKey, QuotaRefused, StoreErrorKind};

const HOUR: Duration = Duration::from_secs(3600);

fn rate(burst: u32) -> Rate {
    Rate::new(burst, HOUR).expect("a valid rate")
}

pub(super) async fn clause_1_never_more_than_the_rate<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (store, now) = (kit.node(), kit.start());
    let charge = Charge::new(kit.quota_key(), rate(5));
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

pub(super) async fn clause_1_parallel_charges<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (charge, now) = (Charge::new(kit.quota_key(), rate(20)), kit.start());
    let answers = kit
        .at_once(200, |_, store| async move { ok(store.charge(&[charge], now).await).is_ok() })
        .await;
    let charged = answers.into_iter().filter(|is_ok| *is_ok).count();
    assert_eq!(charged, 20, "quota clause 1: under 200 callers at once");
}

pub(super) async fn clause_2_all_or_none<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (store, now) = (kit.node(), kit.start());
    let wide = Charge::new(kit.quota_key(), rate(100));
    let narrow = Charge::new(kit.quota_key(), rate(1));
    let never = Charge::new(kit.quota_key(), rate(1)).with_events(2);
    assert_eq!(granted(store.charge(&[], now).await).charges(), [], "no charge is granted");
    let _ = granted(store.charge(&[wide, narrow], now).await);
    let refused = ok(store.charge(&[wide, narrow], now).await).err();
    let expected = QuotaRefused { which: 1, until: Some(now + HOUR) };
    assert_eq!(refused, Some(expected), "quota clause 2: says which and until when");
    let refused = ok(store.charge(&[never, wide, narrow], now).await).err();
    let expected = QuotaRefused { which: 0, until: None };
    assert_eq!(refused, Some(expected), "quota clause 2: the hardest refusal counts");
    let charged = granted(store.charge(&[wide], now).await);
    assert_eq!(charged.left(), 98, "quota clause 2: a refused charge stays on no key");
}

pub(super) async fn clause_2_parallel_charges_of_several_keys<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
) {
    // Overlapping sets in different orders, so that locks taken in the order of the call would meet.
    let (keys, now): (Vec<_>, _) = ((0..4).map(|_| kit.quota_key()).collect(), kit.start());
    let answers = kit
        .at_once(64, |number, store| {
            let mut charges: Vec<_> =
                keys.iter().map(|key| Charge::new(*key, rate(1_000))).collect();
            charges.rotate_left(number % 4);
            async move { ok(store.charge(&charges, now).await).is_ok() }
        })
        .await;
    assert!(answers.into_iter().all(|is_ok| is_ok), "quota clause 2: all within the rate");
    for key in keys {
        let charged = granted(kit.node().charge(&[Charge::new(key, rate(1_000))], now).await);
        assert_eq!(charged.left(), 1_000 - 65, "quota clause 2: every key charged every time");
    }
}

pub(super) async fn clause_4_the_callers_clock_decides<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    for year in [1, 40, 200] {
        let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(year * 31_536_000);
        let charge = Charge::new(kit.quota_key(), rate(1));
        let _ = granted(kit.node().charge(&[charge], now).await);
        let almost = now + HOUR - Duration::from_millis(1);
        assert!(ok(kit.node().charge(&[charge], almost).await).is_err(), "quota clause 4");
        let _ = granted(kit.node().charge(&[charge], now + HOUR).await);
    }
}

pub(super) async fn clause_5_a_refund_gives_back<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (store, now) = (kit.node(), kit.start());
    let yen = Charge::new(kit.quota_key(), rate(100)).with_events(40);
    let one = Charge::new(kit.quota_key(), rate(5));
    let charged = granted(store.charge(&[yen, one], now).await);
    let _ = granted(store.charge(&[yen, one], now).await);
    assert!(ok(store.charge(&[yen, one], now).await).is_err(), "quota clause 5: 20 left");
    ok(store.refund(&charged, now).await);
    let again = granted(store.charge(&[yen], now).await);
    assert_eq!(again.left(), 20, "quota clause 5: what was charged is back, and no more");
    assert_eq!(granted(store.charge(&[one], now).await).left(), 3, "quota clause 5");
}

pub(super) async fn too_large_is_refused_for_good<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let charge = Charge::new(kit.quota_key(), rate(3)).with_events(4);
    let refused = ok(kit.node().charge(&[charge], kit.start()).await).err();
    assert_eq!(refused, Some(QuotaRefused { which: 0, until: None }), "quota: too large");
}

/// A walk over instants and amounts, beside the pure rule.
pub(super) async fn the_store_decides_as_the_pure_rule<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let rates = [
        Rate::new(5, HOUR).expect("valid"),
        Rate::new(10, 24 * HOUR).expect("valid"),
        Rate::new(7, Duration::from_micros(7_001)).expect("valid"),
        Rate::new(1_000_000, 366 * 24 * HOUR).expect("valid"),
    ];
    let mut dice = super::rules::Dice::new(11);
    for rate in rates {
        let (key, mut mark, mut now) = (kit.quota_key(), Mark::default(), kit.start());
        for step in 0..60 {
            now += Duration::from_micros(rate.interval_micros() * dice.below(5) / 3);
            let charge = Charge::new(key, rate).with_events(dice.small(rate.burst().min(4) + 2));
            let expected = gcra::charge(mark, &rate, charge.events, now);
            let answer = ok(kit.node().charge(&[charge], now).await);
            match (expected, answer) {
                (gcra::Charge::Granted(granted), Ok(charged)) => {
                    mark = granted.mark;
                    assert_eq!(charged.left(), granted.left, "step {step} of {rate:?}");
                }
                (gcra::Charge::Refused { until }, Err(refused)) => {
                    assert_eq!(refused.until, Some(until), "step {step} of {rate:?}");
                }
                (gcra::Charge::TooLarge, Err(refused)) => assert_eq!(refused.until, None),
                (expected, answer) => {
                    panic!("step {step} of {rate:?}: {expected:?} expected, {answer:?} answered")
                }
            }
        }
    }
}

/// A key without anything left.
pub(super) async fn prepare_for_reopening<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
) -> Vec<QuotaKey> {
    let key = kit.quota_key();
    let all = Charge::new(key, rate(5)).with_events(5);
    let _ = granted(kit.node().charge(&[all], kit.start()).await);
    vec![key]
}

pub(super) async fn clause_4_a_restart_forgets_nothing<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
    keys: &[QuotaKey],
) {
    for key in keys {
        let charge = Charge::new(*key, rate(5));
        let refused = ok(kit.node().charge(&[charge], kit.start()).await);
        assert!(refused.is_err(), "quota clause 4: a restart forgets no charge");
    }
}

pub(super) async fn clause_6_full_means_refuse<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
    capacity: u32,
) {
    let (store, now) = (kit.node(), kit.start());
    let mut kept = Vec::new();
    for _ in 0..capacity {
        let charge = Charge::new(kit.quota_key(), rate(1));
        let _ = granted(store.charge(&[charge], now).await);
        kept.push(charge);
    }
    let new = Charge::new(kit.quota_key(), rate(1));
    let kind = store.charge(&[new], now).await.map_err(|error| error.kind());
    assert_eq!(kind, Err(StoreErrorKind::Capacity), "quota clause 6: full means refuse");
    for charge in &kept {
        assert!(ok(store.charge(&[*charge], now).await).is_err(), "quota clause 6: marks stay");
    }
    for _ in 0..capacity {
        let charge = Charge::new(kit.quota_key(), rate(1));
        let _ = granted(store.charge(&[charge], now + HOUR).await);
    }
}
