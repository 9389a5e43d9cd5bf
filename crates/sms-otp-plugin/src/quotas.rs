//! Charging one message to the limits on sending.

use std::time::SystemTime;

use mfa_plugin_api::{FlowContext, PluginError};
use otp_cache::{Charge, Charged, Quota, QuotaKey, StoreError};
use otp_core::PhoneNumber;

use crate::{limits::SendLimits, pseudonym::PseudonymKey, store_failed::store_failed, trace};

/// The limits, in the order in which they are charged.
const NAMES: [&str; 7] = [
    "number_hourly",
    "number_daily",
    "user_hourly",
    "user_daily",
    "address_hourly",
    "block",
    "budget",
];
const BUDGET: usize = 6;
/// How many times charging the rest of the budget is attempted.
const MAX_BUDGET_CHARGES: u32 = 8;

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitReached {
    /// Which one, for the audit trail.
    pub(crate) limit: &'static str,
    /// When it allows a message again.
    pub(crate) until: Option<SystemTime>,
}

/// The limits on one message.
#[derive(Debug)]
pub(crate) struct SendQuotas<'a> {
    quota: &'a dyn Quota,
    charges: Vec<Charge>,
    /// What the budget pays for a part.
    price: u32,
    /// For how many parts it is charged.
    parts: u32,
    now: SystemTime,
}

impl<'a> SendQuotas<'a> {
    pub(crate) fn new(
        quota: &'a dyn Quota,
        limits: &SendLimits,
        key: &PseudonymKey,
        context: &FlowContext<'_>,
        to: &PhoneNumber,
        parts: u32,
    ) -> Self {
        // Keyed, so that a store or its backup cannot be searched for numbers.
        let number = key.pseudonym(to.as_e164());
        let user = key.pseudonym_of(&[context.subject.tenant(), context.subject.id()]);
        let address = key.pseudonym(&context.client.network());
        let block = key.pseudonym(to.block());
        let named = |at: usize, value: &str, rate| {
            Charge::new(QuotaKey::derive(&format!("sms/{}", NAMES[at]), value), rate)
        };
        let mut charges = vec![
            named(0, &number, limits.per_number[0]),
            named(1, &number, limits.per_number[1]),
            named(2, &user, limits.per_user[0]),
            named(3, &user, limits.per_user[1]),
            named(4, &address, limits.per_address),
            named(5, &block, limits.per_block),
        ];
        if let Some(budget) = limits.budget {
            let cost = budget.price.saturating_mul(parts);
            charges.push(named(BUDGET, "all", budget.rate).with_events(cost));
        }
        let price = limits.budget.map_or(0, |budget| budget.price);
        Self { quota, charges, price, parts, now: context.now }
    }

    /// Charges one message to all limits, or to none.
    ///
    /// # Errors
    ///
    /// If the store failed. Then nothing may be sent.
    pub(crate) async fn charge(
        &self,
    ) -> Result<Result<ChargedSend<'_>, LimitReached>, PluginError> {
        let charged = self.quota.charge(&self.charges, self.now).await;
        let charged = charged.map_err(|error| store_failed("charging the send limits", error))?;
        Ok(match charged {
            Ok(charged) => Ok(ChargedSend { quotas: self, charged }),
            Err(refused) => Err(LimitReached {
                limit: NAMES.get(refused.which).copied().unwrap_or("unknown"),
                until: refused.until,
            }),
        })
    }

    /// Charges the budget for the `billed` parts beyond those that were charged, and warns if four fifths are
    /// spent.
    pub(crate) async fn charge_rest(&self, billed: u32) {
        let Some(budget) = self.charges.get(BUDGET) else { return };
        let more = self.price.saturating_mul(billed.saturating_sub(self.parts));
        match self.quota.charge(&[budget.with_events(more)], self.now).await {
            Ok(Ok(charged)) if charged.left() < budget.rate.burst() / 5 => {
                trace::warn("four fifths of the sms budget are spent");
            }
            Ok(Ok(_)) => {}
            Ok(Err(_)) => {
                trace::warn("the sms budget is spent");
                if let Err(error) = self.charge_remaining_budget(budget).await {
                    trace::failed("sms budget not settled", &error);
                }
            }
            Err(error) => trace::failed("sms budget not settled", &error),
        }
    }

    /// Charges the rest of a budget that does not cover the bill.
    async fn charge_remaining_budget(&self, budget: &Charge) -> Result<(), StoreError> {
        // Another message may be charged between the two steps. Then less is left, so try again.
        for _ in 0..MAX_BUDGET_CHARGES {
            let asked = self.quota.charge(&[budget.with_events(0)], self.now).await?;
            let left = asked.map_or(0, |charged| charged.left());
            if left == 0 || self.quota.charge(&[budget.with_events(left)], self.now).await?.is_ok()
            {
                break;
            }
        }
        Ok(())
    }
}

/// One message that is charged to the limits. Ends in one of its methods; if it is dropped, as when the
/// caller is cancelled, the charge stays.
#[derive(Debug)]
#[must_use = "a charge is refunded or kept"]
pub(crate) struct ChargedSend<'a> {
    quotas: &'a SendQuotas<'a>,
    charged: Charged,
}

impl ChargedSend<'_> {
    /// Refunds the charge, because the message was not sent.
    pub(crate) async fn refund(self) {
        let SendQuotas { quota, now, .. } = self.quotas;
        if let Err(error) = quota.refund(&self.charged, *now).await {
            trace::failed("send limits not refunded", &error);
        }
    }

    /// Keeps the charge of a message that was sent, or may have been. If the provider told that it bills more
    /// parts, the budget pays for them too.
    pub(crate) async fn keep(self, billed: Option<u32>) {
        self.quotas.charge_rest(billed.unwrap_or(self.quotas.parts)).await;
    }
}
