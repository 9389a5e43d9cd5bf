//! The quotas of the store.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_cache::{Charge, Charged, Quota, QuotaKey, QuotaRefused, StoreError};
use otp_core::gcra::{self, Tat};
use tokio::task::yield_now;

use super::{FULL, Flaw, Flawed, State, own_clock};

impl Flawed {
    fn tat(&self, state: &State, key: QuotaKey) -> Tat {
        let tat = state.tats.get(&key).copied().unwrap_or_default();
        let is_swept = self.has(Flaw::HasItsOwnClock) && tat.is_past(own_clock());
        if is_swept { Tat::default() } else { tat }
    }

    /// When the charge fits, if the store does not leave that to the rule.
    fn not_before(&self, tat: Tat, charge: &Charge, now: SystemTime) -> Option<SystemTime> {
        let micros =
            |events: u32| Duration::from_micros(charge.rate.interval_micros() * u64::from(events));
        let full_at = SystemTime::UNIX_EPOCH + Duration::from_micros(tat.as_micros());
        let full_at = full_at.max(now) + micros(charge.events);
        let fits_at = full_at - micros(charge.rate.burst());
        let is_possible = charge.events <= charge.rate.burst();
        (self.has(Flaw::ChargesWhenTheClockHasCaughtUp) && is_possible && fits_at > now)
            .then_some(fits_at)
    }

    /// Charges all, or says which is refused; with [`Flaw::ChargesOneByOne`] up to that one.
    fn charge_at_once(
        &self,
        state: &mut State,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let micros = Duration::from_micros(u64::from(since.subsec_micros() % 1_000));
        let now = if self.has(Flaw::ChargesByTheMillisecond) { now - micros } else { now };
        let (mut granted, mut refusals, mut left) = (Vec::new(), Vec::new(), u32::MAX);
        for (which, charge) in charges.iter().enumerate() {
            let before = |(before, _): &&(Charge, Tat)| {
                before.key == charge.key && !self.has(Flaw::ChargesAKeyOnce)
            };
            let so_far = granted.iter().rev().find(before).map(|(_, tat)| *tat);
            let tat = so_far.unwrap_or_else(|| self.tat(state, charge.key));
            if let Some(until) = self.not_before(tat, charge, now) {
                refusals.push(QuotaRefused { which, until: Some(until) });
                continue;
            }
            let until = match gcra::charge(tat, &charge.rate, charge.events, now) {
                gcra::Decision::Granted(yes) => {
                    left = left.min(yes.left);
                    granted.push((*charge, yes.tat));
                    continue;
                }
                gcra::Decision::Refused { until } => Some(until),
                gcra::Decision::TooLarge => None,
            };
            refusals.push(QuotaRefused { which, until });
        }
        let refused = refusals.into_iter().max_by_key(|no| (no.until.is_none(), no.until));
        if refused.is_none() || self.has(Flaw::ChargesOneByOne) {
            for (charge, tat) in &granted {
                if !self.room_for_tat(state, charge.key, now) {
                    return Err(FULL);
                }
                state.tats.insert(charge.key, *tat);
            }
        }
        Ok(refused.map_or_else(|| Ok(Charged::new(granted, left)), Err))
    }
}

#[async_trait]
impl Quota for Flawed {
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        self.arrive().await;
        if self.has(Flaw::GrantsInAnOutage) && self.is_out.load(Ordering::SeqCst) {
            return Ok(Ok(Charged::new(Vec::new(), 0)));
        }
        let has_rows = self
            .step(|state| Ok(charges.iter().all(|charge| state.tats.contains_key(&charge.key))))?;
        let locks_nothing = self.has(Flaw::LocksOnlyKeysThatExist) && !has_rows;
        if self.has(Flaw::ChargesOnACopy) || locks_nothing {
            let mut copy = self.step(|state| Ok(state.clone()))?;
            yield_now().await;
            let charged = self.charge_at_once(&mut copy, charges, now)?;
            self.step(|state| {
                for charge in charges {
                    state.tats.insert(charge.key, self.tat(&copy, charge.key));
                }
                Ok(())
            })?;
            return Ok(charged);
        }
        let charged = self.step(|state| self.charge_at_once(state, charges, now))?;
        yield_now().await;
        Ok(charged)
    }

    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
        self.arrive().await;
        let now = if self.has(Flaw::RefundsTwice) { SystemTime::UNIX_EPOCH } else { now };
        if self.has(Flaw::RefundsOnACopy) {
            let copy = self.step(|state| Ok(state.clone()))?;
            yield_now().await;
            return self.step(|state| {
                for (key, span) in charged.refunds(now) {
                    state.tats.insert(key, gcra::refund(self.tat(&copy, key), span));
                }
                Ok(())
            });
        }
        self.step(|state| {
            for (key, span) in charged.refunds(now) {
                let back = gcra::refund(self.tat(state, key), span);
                let back = if self.has(Flaw::RefundsAll) { Tat::default() } else { back };
                state.tats.insert(key, back);
            }
            Ok(())
        })
    }
}
