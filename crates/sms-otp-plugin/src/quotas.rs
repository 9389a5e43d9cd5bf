//! Charging one message to the limits on sending.
//!
//! | limit | charged | given back |
//! |---|---|---|
//! | tries of one user | with every try | never |
//! | messages: number, user, address, block, budget | with every try | if the message was not sent |
//! | tries in all | when a message was not sent | never |
//! | pause of a number | when the provider refuses the number, or limits its rate | never |

use std::time::{Duration, SystemTime};

use mfa_plugin_api::{FlowContext, PluginError};
use otp_cache::{Charge, Charged, Quota, QuotaKey, QuotaRefused, StoreError};
use otp_core::{PhoneNumber, gcra::Rate};

use crate::{
    limit_notes::BudgetNote,
    limits::{SendLimit, SendLimits},
    pseudonym::PseudonymKey,
    store_failed::store_failed,
    trace,
};

/// How many times charging the rest of the budget is attempted.
const MAX_BUDGET_CHARGES: u32 = 8;
/// The shortest pause of a number whose rate the provider limits.
const MIN_PAUSE: Duration = Duration::from_secs(60);

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitReached {
    pub(crate) limit: SendLimit,
    /// When it allows a message again.
    pub(crate) until: Option<SystemTime>,
}

/// A limit, and what a message charges to it.
#[derive(Debug, Clone, Copy)]
struct Limit {
    name: SendLimit,
    charge: Charge,
}

impl Limit {
    fn new(name: SendLimit, of: &str, rate: Rate) -> Self {
        let key = QuotaKey::derive(&format!("sms/{}", name.as_str()), of);
        Self { name, charge: Charge::new(key, rate) }
    }
}

fn charges(limits: &[Limit]) -> Vec<Charge> {
    limits.iter().map(|limit| limit.charge).collect()
}

fn reached(limits: &[Limit], refused: QuotaRefused) -> LimitReached {
    let limit = limits.get(refused.which).map_or(SendLimit::Budget, |limit| limit.name);
    LimitReached { limit, until: refused.until }
}

/// The limits on the tries of one user. They hold for a user without a number, too.
#[derive(Debug)]
pub(crate) struct TryQuotas<'a> {
    quota: &'a dyn Quota,
    of_user: [Limit; 2],
    total: Limit,
    now: SystemTime,
}

impl<'a> TryQuotas<'a> {
    pub(crate) fn new(
        quota: &'a dyn Quota,
        limits: &SendLimits,
        key: &PseudonymKey,
        context: &FlowContext<'_>,
    ) -> Self {
        let user = user_of(key, context);
        let [minutely, hourly] = limits.tries_per_user;
        let of_user = [
            Limit::new(SendLimit::TriesMinutely, &user, minutely),
            Limit::new(SendLimit::TriesHourly, &user, hourly),
        ];
        let total = Limit::new(SendLimit::TriesTotal, "all", limits.tries_total);
        Self { quota, of_user, total, now: context.now }
    }

    /// Charges one try that will send nothing.
    ///
    /// # Errors
    ///
    /// If the store failed.
    pub(crate) async fn charge(&self) -> Result<Result<(), LimitReached>, PluginError> {
        let charged = self.quota.charge(&charges(&self.of_user), self.now).await;
        let charged = charged.map_err(|error| store_failed("charging the send limits", error))?;
        Ok(charged.map(drop).map_err(|refused| reached(&self.of_user, refused)))
    }

    /// Charges a try that was not sent to the limit of all users.
    async fn charge_total(&self) {
        if let Err(error) = self.quota.charge(&[self.total.charge], self.now).await {
            trace::failed("a try that sent nothing was not counted", &error);
        }
    }
}

/// The limits on one message.
#[derive(Debug)]
pub(crate) struct SendQuotas<'a> {
    tries: TryQuotas<'a>,
    pause: Limit,
    /// What every message is charged to. The budget comes last, if there is one.
    every: Vec<Limit>,
    /// What the user's first message of the day is charged to as well. Its mark comes last.
    first: [Limit; 2],
    /// What every other message is charged to as well.
    other: [Limit; 2],
    /// What the budget pays for a part.
    price: u32,
    /// For how many parts it is charged.
    parts: u32,
}

/// What holds before anything is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// No limit is reached.
    Free,
    Limited(LimitReached),
    /// The provider has refused the number.
    Paused,
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
        let user = user_of(key, context);
        let address = key.pseudonym(&context.client.network());
        let network = key.pseudonym(&context.client.wider_network());
        let block = key.pseudonym(to.block());
        let user_and_number = format!("{user}/{number}");
        let mut every = vec![
            Limit::new(SendLimit::NumberHourly, &number, limits.per_number[0]),
            Limit::new(SendLimit::NumberDaily, &number, limits.per_number[1]),
            Limit::new(SendLimit::UserHourly, &user, limits.per_user[0]),
            Limit::new(SendLimit::UserDaily, &user, limits.per_user[1]),
            Limit::new(SendLimit::Block, &block, limits.per_block),
        ];
        if let Some(budget) = limits.budget {
            let mut all = Limit::new(SendLimit::Budget, "all", budget.rate);
            all.charge = all.charge.with_events(budget.price.saturating_mul(parts));
            every.push(all);
        }
        let mark = Charge::new(QuotaKey::derive("sms/first_of_day", &user), limits.first_of_day);
        Self {
            tries: TryQuotas::new(quota, limits, key, context),
            pause: Limit::new(SendLimit::NumberPaused, &user_and_number, limits.number_pause),
            every,
            first: [
                Limit::new(SendLimit::AddressFirst, &address, limits.firsts_per_address),
                Limit { name: SendLimit::AddressFirst, charge: mark },
            ],
            other: [
                Limit::new(SendLimit::Address, &address, limits.per_address),
                Limit::new(SendLimit::Network, &network, limits.per_network),
            ],
            price: limits.budget.map_or(0, |budget| budget.price),
            parts,
        }
    }

    /// Checks the limits without charging them, so that a message that they refuse opens no challenge. Another
    /// message may be charged afterwards: [`charge`](Self::charge) decides.
    ///
    /// # Errors
    ///
    /// If the store failed. Then nothing may be sent.
    pub(crate) async fn check(&self) -> Result<Checked, PluginError> {
        let failed = |error| store_failed("checking the send limits", error);
        let (quota, now) = (self.tries.quota, self.tries.now);
        let mut limits = vec![self.pause, self.tries.total];
        limits.extend(self.tries.of_user);
        limits.extend(&self.every);
        let asked: Vec<Charge> = limits.iter().map(|limit| limit.charge.with_events(0)).collect();
        let left = quota.charge(&asked, now).await.map_err(failed)?.map_or(0, |asked| asked.left());
        if left > 0 {
            return Ok(Checked::Free);
        }
        // A check does not say which limit has nothing left, and until when.
        Ok(match quota.charge(&charges(&limits), now).await.map_err(failed)? {
            Ok(charged) => {
                quota.refund(&charged, now).await.map_err(failed)?;
                Checked::Free
            }
            Err(refused) => match reached(&limits, refused) {
                LimitReached { limit: SendLimit::NumberPaused, .. } => Checked::Paused,
                reached => Checked::Limited(reached),
            },
        })
    }

    /// Charges one try that will send nothing, because the number is paused.
    ///
    /// # Errors
    ///
    /// If the store failed.
    pub(crate) async fn charge_try(&self) -> Result<Result<(), LimitReached>, PluginError> {
        self.tries.charge().await
    }

    /// Charges one message to all limits, or to none.
    ///
    /// # Errors
    ///
    /// If the store failed. Then nothing may be sent.
    pub(crate) async fn charge(
        &self,
    ) -> Result<Result<ChargedSend<'_>, LimitReached>, PluginError> {
        let with = |more: [Limit; 2]| {
            let mut limits = self.tries.of_user.to_vec();
            limits.extend(&self.every);
            limits.extend(more);
            limits
        };
        let first = with(self.first);
        let refused = match self.charge_all(&first).await? {
            Ok(charged) => return Ok(Ok(ChargedSend { quotas: self, charged })),
            Err(refused) => refused,
        };
        // The mark comes last. It refuses a message that is not the user's first of the day.
        if refused.which + 1 < first.len() {
            return Ok(Err(reached(&first, refused)));
        }
        let other = with(self.other);
        Ok(match self.charge_all(&other).await? {
            Ok(charged) => Ok(ChargedSend { quotas: self, charged }),
            Err(refused) => Err(reached(&other, refused)),
        })
    }

    async fn charge_all(
        &self,
        limits: &[Limit],
    ) -> Result<Result<Charged, QuotaRefused>, PluginError> {
        let charged = self.tries.quota.charge(&charges(limits), self.tries.now).await;
        charged.map_err(|error| store_failed("charging the send limits", error))
    }

    /// Pauses the number for this user: for as long as the provider asks, within the bounds.
    async fn pause_number(&self, retry_after: Option<Duration>) {
        let longest = Duration::from_micros(self.pause.charge.rate.interval_micros());
        let pause = retry_after.map_or(longest, |wait| wait.max(MIN_PAUSE).min(longest));
        let charge = match Rate::new(1, pause) {
            Ok(rate) => Charge { rate, ..self.pause.charge },
            Err(_) => self.pause.charge,
        };
        if let Err(error) = self.tries.quota.charge(&[charge], self.tries.now).await {
            trace::failed("a refused number was not paused", &error);
        }
    }

    /// Charges the budget for the `billed` parts beyond those that were charged. Returns what an operator should
    /// know of it.
    pub(crate) async fn charge_rest(&self, billed: u32) -> Option<BudgetNote> {
        let budget = self.every.iter().find(|limit| limit.name == SendLimit::Budget);
        let Limit { charge: budget, .. } = budget?;
        let more = self.price.saturating_mul(billed.saturating_sub(self.parts));
        match self.tries.quota.charge(&[budget.with_events(more)], self.tries.now).await {
            Ok(Ok(charged)) if charged.left() < budget.rate.burst() / 5 => {
                Some(BudgetNote::NearlySpent)
            }
            Ok(Ok(_)) => None,
            Ok(Err(_)) => {
                if let Err(error) = self.charge_remaining_budget(budget).await {
                    trace::failed("sms budget not settled", &error);
                }
                Some(BudgetNote::Spent)
            }
            Err(error) => {
                trace::failed("sms budget not settled", &error);
                None
            }
        }
    }

    /// Charges the rest of a budget that does not cover the bill.
    async fn charge_remaining_budget(&self, budget: &Charge) -> Result<(), StoreError> {
        let (quota, now) = (self.tries.quota, self.tries.now);
        // Another message may be charged between the two steps. Then less is left, so try again.
        for _ in 0..MAX_BUDGET_CHARGES {
            let asked = quota.charge(&[budget.with_events(0)], now).await?;
            let left = asked.map_or(0, |charged| charged.left());
            if left == 0 || quota.charge(&[budget.with_events(left)], now).await?.is_ok() {
                break;
            }
        }
        Ok(())
    }
}

fn user_of(key: &PseudonymKey, context: &FlowContext<'_>) -> String {
    key.pseudonym_of(&[context.subject.tenant(), context.subject.id()])
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
    /// Pauses the number, because the provider refuses it or limits its rate.
    pub(crate) async fn pause_number(&self, retry_after: Option<Duration>) {
        self.quotas.pause_number(retry_after).await;
    }

    /// Refunds the message, because it was not sent. The try stays charged.
    pub(crate) async fn refund(self) {
        let tries = &self.quotas.tries;
        let keys = tries.of_user.map(|limit| limit.charge.key);
        if let Err(error) = tries.quota.refund(&self.charged.without(&keys), tries.now).await {
            trace::failed("send limits not refunded", &error);
        }
        tries.charge_total().await;
    }

    /// Keeps the charge of a message that was sent, or may have been. If the provider told that it bills more
    /// parts, the budget pays for them too. Returns what an operator should know of it.
    pub(crate) async fn keep(self, billed: Option<u32>) -> Option<BudgetNote> {
        self.quotas.charge_rest(billed.unwrap_or(self.quotas.parts)).await
    }
}
