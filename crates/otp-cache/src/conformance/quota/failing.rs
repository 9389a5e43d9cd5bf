//! Clause 3: calls that fail.

use crate::{
    Charge, Quota,
    conformance::{
        amounts::hourly,
        kit::{Kit, granted, ok},
        outage::{Outage, over},
    },
};

/// Clause 3, **fails closed**. While `outage` lasts, nothing is granted and nothing is refunded. After it, the store
/// recovers automatically, and earlier charges are still there.
///
/// # Panics
///
/// If the clause is broken, or the store does not recover within ten seconds.
pub async fn clause_3_fails_closed<S: Quota>(kit: &Kit<S>, outage: &dyn Outage) {
    let (store, now) = (kit.node(), kit.start());
    let spent = Charge::new(kit.quota_key(), hourly(5));
    let paid = Charge::new(kit.quota_key(), hourly(5));
    let fresh = Charge::new(kit.quota_key(), hourly(5));
    let _ = granted(store.charge(&[spent.with_events(3)], now).await);
    let receipt = granted(store.charge(&[paid.with_events(5)], now).await);

    outage.begin().await;
    let charges = [spent, fresh];
    let (charged, refunded) =
        tokio::join!(store.charge(&charges, now), store.refund(&receipt, now));
    assert!(charged.is_err(), "quota clause 3: charged while the backend was out: {charged:?}");
    assert!(refunded.is_err(), "quota clause 3: refunded while the backend was out");
    outage.end().await;
    let asks = [Charge::new(kit.quota_key(), hourly(5)).with_events(0)];
    over(async || kit.node().charge(&asks, now).await.is_ok()).await;

    // A failed charge may stay charged. A failed refund may have been given back: once, and to its own key.
    for (charge, least, most) in [(spent, 1, 2), (fresh, 4, 5), (paid, 0, 5)] {
        let mut granted = 0;
        while ok(kit.node().charge(&[charge], now).await).is_ok() {
            granted += 1;
            assert!(granted <= most, "quota clause 3: {granted} granted, {most} were left");
        }
        assert!(granted >= least, "quota clause 3: {granted} granted, {least} were left");
    }
}
