//! Limits on sending: per number, user, client address, block of numbers, and in total.

use std::time::{Duration, SystemTime};

use mfa_plugin_api::{FlowContext, PluginError};
use otp_cache::{Charge, Charged, Quota, QuotaKey, StoreError};
use otp_core::{
    PhoneNumber,
    gcra::{InvalidRate, Rate},
};

use crate::{pseudonym::PseudonymKey, store_failed::store_failed, trace};

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

/// The limits as a configuration states them. [`SendLimits::new`] checks the values.
#[derive(Debug, Clone)]
#[non_exhaustive]
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

impl SendLimitSettings {
    /// Sets how many messages may go to one number in an hour and in a day.
    #[must_use]
    pub fn with_per_number(self, hourly: u32, daily: u32) -> Self {
        Self { per_number_hourly: hourly, per_number_daily: daily, ..self }
    }

    /// Sets how many messages one user may cause in an hour and in a day.
    #[must_use]
    pub fn with_per_user(self, hourly: u32, daily: u32) -> Self {
        Self { per_user_hourly: hourly, per_user_daily: daily, ..self }
    }

    /// Sets how many messages one client address may cause in an hour.
    #[must_use]
    pub fn with_per_address(self, hourly: u32) -> Self {
        Self { per_address_hourly: hourly, ..self }
    }

    /// Sets how many messages may go to one block of ten thousand numbers in a `period`.
    #[must_use]
    pub fn with_per_block(self, messages: u32, period: Duration) -> Self {
        Self { per_block: messages, per_block_period: period, ..self }
    }

    /// Sets the budget for all messages. A message whose parts cost more than the whole budget is never sent.
    #[must_use]
    pub fn with_daily_budget(self, budget: DailyBudget) -> Self {
        Self { daily_budget: Some(budget), ..self }
    }
}

/// A budget for all messages of a day, in a unit of money such as yen.
///
/// Before a message is sent, it is charged for as many parts as the longest message in its language has by the
/// sender's [text limit](sms_sender::SmsSender::text_limit). If the provider then bills more, the rest is charged
/// when it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DailyBudget {
    /// What may be spent in a day; it refills evenly over the day.
    pub per_day: u32,
    /// What one billed part of a message costs.
    pub price: u32,
}

impl DailyBudget {
    /// Creates a budget of `per_day` for messages of which each billed part costs `price`.
    /// [`SendLimits::new`] checks the values.
    pub fn new(per_day: u32, price: u32) -> Self {
        Self { per_day, price }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_allows_nothing_is_refused() {
        let settings = SendLimitSettings::default;
        let budget =
            |per_day, price| settings().with_daily_budget(DailyBudget::new(per_day, price));
        for bad in [
            settings().with_per_number(0, 10),
            settings().with_per_number(5, 0),
            settings().with_per_user(0, 10),
            settings().with_per_user(5, 0),
            settings().with_per_address(0),
            settings().with_per_block(0, HOUR),
            settings().with_per_block(30, Duration::ZERO),
            budget(9, 10),
            budget(9, 0),
        ] {
            assert_eq!(SendLimits::new(&bad), Err(InvalidRate), "{bad:?}");
        }
        assert!(SendLimits::new(&budget(10, 10)).is_ok());
    }
}
