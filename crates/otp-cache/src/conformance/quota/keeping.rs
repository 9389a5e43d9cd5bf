//! Clauses 6 and 7: what happens when the store is full, and after a restart.

use std::time::Duration;

use crate::{
    Charge, Quota, StoreErrorKind,
    conformance::{
        amounts::{HOUR, hourly},
        kit::{Kit, granted, ok},
    },
};

/// How many calls a full store with refilled keys may take to make room for one more.
const PATIENCE: u32 = 10;

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
