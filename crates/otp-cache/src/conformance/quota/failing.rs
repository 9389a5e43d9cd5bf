//! Clauses 3 and 8: calls that fail, and calls that nobody answers.

use std::time::Duration;

use crate::{
    Charge, Quota,
    conformance::{
        amounts::hourly,
        kit::{CALLERS, Kit, granted, ok},
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

/// Clause 8, **in time**. While `stall` lasts, the backend neither replies nor refuses. Charges and refunds end within
/// `limit`, and so do 200 at once. After it, the store recovers automatically, and no key gave more than its rate.
///
/// `limit` is what the backend states, with some time for a busy machine. [`Outage`] begins and ends the stall.
///
/// # Panics
///
/// If the clause is broken, or the store does not recover within ten seconds.
pub async fn clause_8_every_call_ends_in_time<S: Quota>(
    kit: &Kit<S>,
    stall: &dyn Outage,
    limit: Duration,
) {
    let now = kit.start();
    let [one, other, paid] = std::array::from_fn(|_| Charge::new(kit.quota_key(), hourly(5)));
    let receipt = granted(kit.node().charge(&[paid], now).await);
    stall.begin().await;
    let store = kit.node();
    let refund = store.refund(&receipt, now);
    let charges = kit.at_once(CALLERS, |_, store| async move {
        let charged = store.charge(&[one, other], now).await;
        usize::from(charged.is_ok_and(|charged| charged.is_ok()))
    });
    let ended = tokio::time::timeout(limit, async { tokio::join!(refund, charges) }).await;
    let Ok((_, handed_out)) = ended else {
        panic!("quota clause 8: a call does not end within {limit:?}");
    };
    stall.end().await;
    let asks = [Charge::new(kit.quota_key(), hourly(5)).with_events(0)];
    over(async || kit.node().charge(&asks, now).await.is_ok()).await;
    let mut events: usize = handed_out.into_iter().sum();
    while ok(kit.node().charge(&[one], now).await).is_ok() {
        events += 1;
        assert!(events <= 5, "quota clause 8: {events} events of 5");
    }
}
