//! Limits on sending: per number, user, client address, block of numbers, and in total.

use std::time::{Duration, SystemTime};

use mfa_plugin_api::{FlowContext, PluginError};
use otp_cache::{Charge, Charged, Quota, QuotaKey, StoreError};
use otp_core::{
    PhoneNumber,
    gcra::{InvalidRate, Rate},
};

use crate::{pseudonym::PseudonymKey, store_failed::store_failed};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The limits on sending. Each is a burst that refills evenly over its period. So one period can contain up
/// to twice the limit, minus one (see [`Rate`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendLimits {
    per_number: [Rate; 2],
    per_user: [Rate; 2],
    per_address: Rate,
    per_block: Rate,
    budget: Option<Budget>,
}

/// What may be spent on messages in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Budget {
    rate: Rate,
    price: u32,
}

impl SendLimits {
    /// Creates the limits that the settings describe.
    ///
    /// # Errors
    ///
    /// [`InvalidRate`] for a limit of 0, a period of 0 or more than 366 days, a price of 0, or a daily budget
    /// below the price of one message.
    pub fn new(settings: &SendLimitSettings) -> Result<Self, InvalidRate> {
        let budget = match settings.daily_budget {
            None => None,
            Some(budget) if budget.price == 0 || budget.per_day < budget.price => {
                return Err(InvalidRate);
            }
            Some(budget) => {
                Some(Budget { rate: Rate::new(budget.per_day, DAY)?, price: budget.price })
            }
        };
        let hour_and_day = |hour, day| -> Result<[Rate; 2], InvalidRate> {
            Ok([Rate::new(hour, HOUR)?, Rate::new(day, DAY)?])
        };
        Ok(Self {
            per_number: hour_and_day(settings.per_number_hourly, settings.per_number_daily)?,
            per_user: hour_and_day(settings.per_user_hourly, settings.per_user_daily)?,
            per_address: Rate::new(settings.per_address_hourly, HOUR)?,
            per_block: Rate::new(settings.per_block, settings.per_block_period)?,
            budget,
        })
    }
}

impl Default for SendLimits {
    fn default() -> Self {
        Self::new(&SendLimitSettings::default()).expect("the default limits are valid rates")
    }
}

/// The limits as a configuration states them; [`SendLimits::new`] checks them.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "made to be filled in with `..Default::default()`")]
pub struct SendLimitSettings {
    /// Messages to one number in an hour. Default 5.
    pub per_number_hourly: u32,
    /// Messages to one number in a day. Default 10.
    pub per_number_daily: u32,
    /// Messages for one user in an hour. Default 5.
    pub per_user_hourly: u32,
    /// Messages for one user in a day. Default 10.
    pub per_user_daily: u32,
    /// Messages for one client address in an hour: one IPv4 address or one IPv6 /64. Default 10.
    pub per_address_hourly: u32,
    /// Messages to one block of ten thousand numbers, the same first seven digits. Default 30.
    pub per_block: u32,
    /// The period of `per_block`. Default 10 minutes.
    pub per_block_period: Duration,
    /// The most to spend in a day. Default: no budget.
    pub daily_budget: Option<DailyBudget>,
}

impl Default for SendLimitSettings {
    fn default() -> Self {
        Self {
            per_number_hourly: 5,
            per_number_daily: 10,
            per_user_hourly: 5,
            per_user_daily: 10,
            per_address_hourly: 10,
            per_block: 30,
            per_block_period: Duration::from_secs(10 * 60),
            daily_budget: None,
        }
    }
}

/// A budget for all messages of a day, in a unit of money such as yen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition: a sum and a price")]
pub struct DailyBudget {
    /// What may be spent in a day; it refills evenly over the day.
    pub per_day: u32,
    /// What one billed message costs.
    pub price: u32,
}

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
    now: SystemTime,
}

impl<'a> SendQuotas<'a> {
    pub(crate) fn new(
        quota: &'a dyn Quota,
        limits: &SendLimits,
        key: &PseudonymKey,
        context: &FlowContext<'_>,
        to: &PhoneNumber,
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
            charges.push(named(BUDGET, "all", budget.rate).with_events(budget.price));
        }
        Self { quota, charges, now: context.now }
    }

    /// Charges one message to all limits, or to none.
    ///
    /// # Errors
    ///
    /// If the store failed. Then nothing may be sent.
    pub(crate) async fn charge(&self) -> Result<Result<Charged, LimitReached>, PluginError> {
        let charged = self.quota.charge(&self.charges, self.now).await;
        let charged = charged.map_err(|error| store_failed("charging the send limits", error))?;
        Ok(charged.map_err(|refused| LimitReached {
            limit: NAMES.get(refused.which).copied().unwrap_or("unknown"),
            until: refused.until,
        }))
    }

    /// Refunds a message that was not sent.
    pub(crate) async fn refund(&self, charged: &Charged) {
        if let Err(error) = self.quota.refund(charged, self.now).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "send limits not refunded");
        }
    }

    /// Charges the budget for the billed messages beyond the first, and warns if four fifths are spent.
    pub(crate) async fn settle(&self, billed: Option<u32>) {
        let Some(budget) = self.charges.get(BUDGET) else { return };
        let more = budget.events.saturating_mul(billed.unwrap_or(1).saturating_sub(1));
        match self.quota.charge(&[budget.with_events(more)], self.now).await {
            Ok(Ok(charged)) if charged.left() < budget.rate.burst() / 5 => {
                tracing::warn!(left = charged.left(), "four fifths of the sms budget are spent");
            }
            Ok(Ok(_)) => {}
            Ok(Err(_)) => {
                tracing::warn!("the sms budget is spent");
                if let Err(error) = self.charge_remaining_budget(budget).await {
                    not_settled(&error);
                }
            }
            Err(error) => not_settled(&error),
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

fn not_settled(error: &StoreError) {
    tracing::warn!(error = error as &dyn std::error::Error, "sms budget not settled");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_allows_nothing_is_refused() {
        let settings = SendLimitSettings::default;
        let budget = |per_day, price| Some(DailyBudget { per_day, price });
        for bad in [
            SendLimitSettings { per_number_hourly: 0, ..settings() },
            SendLimitSettings { per_block_period: Duration::ZERO, ..settings() },
            SendLimitSettings { daily_budget: budget(9, 10), ..settings() },
            SendLimitSettings { daily_budget: budget(9, 0), ..settings() },
        ] {
            assert_eq!(SendLimits::new(&bad), Err(InvalidRate), "{bad:?}");
        }
        let good = SendLimitSettings { daily_budget: budget(10, 10), ..settings() };
        assert!(SendLimits::new(&good).is_ok());
    }
}
