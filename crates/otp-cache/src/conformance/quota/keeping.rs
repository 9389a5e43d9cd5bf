//! Clauses 4, 6 and 7: what must be there after time has passed and after a restart, and what a full store refuses.

use std::time::Duration;

use otp_core::gcra::Rate;

use crate::{
    Charge, Quota, StoreErrorKind,
    conformance::{
        amounts::{DAY, HOUR, MINUTE, hourly},
        kit::{Kit, granted, ok},
    },
};

/// How many calls a full store with refilled keys may take to make room for one more.
const PATIENCE: u32 = 10;

/// Clause 4, **the caller's clock decides**: a backend's own expiry only sweeps. While time passes in the backend, a
/// charge stays until it has refilled: within a minute, a day, or a year.
///
/// `pass_time` lets that much time pass in the backend:
/// [`run_with_time`](crate::conformance::run_with_time) says how.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_4_own_expiry_only_sweeps<S: Quota>(
    kit: &Kit<S>,
    pass_time: impl AsyncFn(Duration),
) {
    for period in [MINUTE, HOUR, DAY, 365 * DAY] {
        let rate = Rate::new(10, period).expect("a valid rate");
        let now = kit.start();
        let [spent, refunded] = [(); 2].map(|()| Charge::new(kit.quota_key(), rate));
        let _ = granted(kit.node().charge(&[spent.with_events(10)], now).await);
        let _ = granted(kit.node().charge(&[refunded.with_events(9)], now).await);
        let receipt = granted(kit.node().charge(&[refunded], now).await);
        ok(kit.node().refund(&receipt, now).await);
        pass_time(period / 2).await;
        let asked = kit.node().charge(&[refunded.with_events(0)], now + period / 2).await;
        let message = format!("quota clause 4: charges of {period:?} stay in the backend");
        assert_eq!(granted(asked).left(), 6, "{message}: four of nine are left");
        let rest = (period / 2).saturating_sub(Duration::from_millis(1));
        pass_time(rest).await;
        let asked = kit.node().charge(&[spent.with_events(0)], now + period / 2 + rest).await;
        assert_eq!(granted(asked).left(), 9, "{message}: one of ten is left");
    }
}

/// Clause 6, **full means refuse**. A store with room for `at_most` keys refuses the next one as
/// [`Capacity`](StoreErrorKind::Capacity). It keeps those that it has, and accepts new ones after they have
/// refilled.
///
/// # Panics
///
/// If the store accepts more, drops a key that has not refilled, or never accepts anything again.
pub async fn clause_6_full_means_refuse<S: Quota>(kit: &Kit<S>, at_most: u32) {
    let (store, now) = (kit.node(), kit.start());
    let mut kept = Vec::new();
    let error = loop {
        let charge = Charge::new(kit.quota_key(), hourly(1));
        match store.charge(&[charge], now).await {
            Ok(charged) => {
                let _ = charged.expect("the rule grants");
                kept.push(charge);
            }
            Err(error) => break error,
        }
        let taken = kept.len();
        assert!(taken <= at_most as usize, "quota clause 6: {taken} taken, {at_most} is full");
    };
    assert_eq!(error.kind(), StoreErrorKind::Capacity, "quota clause 6: {error:?}");
    for charge in &kept {
        assert!(ok(store.charge(&[*charge], now).await).is_err(), "quota clause 6: charges stay");
    }
    for _ in 0..kept.len() / 2 {
        charges_in_time(kit).await;
    }
}

async fn charges_in_time<S: Quota>(kit: &Kit<S>) {
    for _ in 0..PATIENCE {
        let charge = Charge::new(kit.quota_key(), hourly(1));
        match kit.node().charge(&[charge], kit.start() + HOUR).await {
            Ok(charged) => {
                let _ = charged.expect("the rule grants");
                return;
            }
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Capacity, "{error:?}"),
        }
    }
    panic!("quota clause 6: refilled keys make no room");
}

/// Clause 7, **acknowledged means kept**. `open` is called twice and must return the same data again. Charges and
/// refunds through the first handle are there through the second.
///
/// # Panics
///
/// If something was lost or a store fails.
pub async fn clause_7_acknowledged_means_kept<S, F>(open: impl Fn() -> F)
where
    S: Quota,
    F: Future<Output = S>,
{
    let kit = Kit::new(open().await);
    let (store, now) = (kit.node(), kit.start());
    let spent = Charge::new(kit.quota_key(), hourly(5));
    let refunded = Charge::new(kit.quota_key(), hourly(5));
    let _ = granted(store.charge(&[spent.with_events(5)], now).await);
    let receipt = granted(store.charge(&[refunded.with_events(3)], now).await);
    let _ = granted(store.charge(&[refunded], now).await);
    ok(store.refund(&receipt, now).await);
    drop((store, kit));

    let kit = Kit::new(open().await);
    let almost = now + HOUR / 5 - Duration::from_millis(1);
    for at in [now, almost] {
        let refused = ok(kit.node().charge(&[spent], at).await);
        assert!(refused.is_err(), "quota clause 7: a restart forgets no charge");
    }
    let left = granted(kit.node().charge(&[refunded], now).await).left();
    assert_eq!(left, 3, "quota clause 7: nor a refund");
}
