//! The limits on sending, as a configuration states them.

use std::time::Duration;

use otp_core::gcra::{InvalidRate, Rate};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Shorter than a day: somebody who begins earlier than yesterday still sends the first message of the day.
const BETWEEN_FIRSTS: Duration = Duration::from_secs(20 * 60 * 60);

/// A limit on text messages, as metrics, logs and the audit trail name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SendLimit {
    /// Messages that one client address causes in an hour, without the first of each user and day.
    Address,
    /// Users whose first message of the day one client address causes, in an hour.
    AddressFirst,
    /// Messages to one block of numbers.
    Block,
    /// The daily budget.
    Budget,
    /// Messages that one /24 or /48 causes in an hour, without the first of each user and day.
    Network,
    /// Messages to one number in a day.
    NumberDaily,
    /// Messages to one number in an hour.
    NumberHourly,
    /// A number that the provider has refused, for one user.
    NumberPaused,
    /// Tries of one user in an hour.
    TriesHourly,
    /// Tries of one user in a minute.
    TriesMinutely,
    /// Tries of all users that sent nothing, in a minute.
    TriesTotal,
    /// Messages for one user in a day.
    UserDaily,
    /// Messages for one user in an hour.
    UserHourly,
}

impl SendLimit {
    /// Returns the name, such as `address_hourly`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address_hourly",
            Self::AddressFirst => "address_first_hourly",
            Self::Block => "block",
            Self::Budget => "budget",
            Self::Network => "network_hourly",
            Self::NumberDaily => "number_daily",
            Self::NumberHourly => "number_hourly",
            Self::NumberPaused => "number_paused",
            Self::TriesHourly => "tries_hourly",
            Self::TriesMinutely => "tries_minutely",
            Self::TriesTotal => "tries_total",
            Self::UserDaily => "user_daily",
            Self::UserHourly => "user_hourly",
        }
    }
}

/// The limits on sending. Each is a burst that refills evenly over its period. So one period can contain up
/// to twice the limit, minus one (see [`Rate`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendLimits {
    pub(crate) per_number: [Rate; 2],
    pub(crate) per_user: [Rate; 2],
    pub(crate) per_address: Rate,
    pub(crate) firsts_per_address: Rate,
    pub(crate) first_of_day: Rate,
    pub(crate) per_network: Rate,
    pub(crate) tries_per_user: [Rate; 2],
    pub(crate) tries_total: Rate,
    pub(crate) number_pause: Rate,
    pub(crate) per_block: Rate,
    pub(crate) budget: Option<Budget>,
}

/// What may be spent on messages in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) rate: Rate,
    pub(crate) price: u32,
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
            firsts_per_address: Rate::new(settings.firsts_per_address_hourly, HOUR)?,
            first_of_day: Rate::new(1, BETWEEN_FIRSTS)?,
            per_network: Rate::new(settings.per_network_hourly, HOUR)?,
            tries_per_user: [
                Rate::new(settings.tries_per_user_minutely, MINUTE)?,
                Rate::new(settings.tries_per_user_hourly, HOUR)?,
            ],
            tries_total: Rate::new(settings.tries_total_minutely, MINUTE)?,
            number_pause: Rate::new(1, settings.number_pause)?,
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
    /// Messages for one client address in an hour: one IPv4 address or one IPv6 /64. Default 30. The first
    /// message of each user and day does not count here, so that a few colleagues cannot use up what a whole
    /// office behind one address needs. A user's next message is the first again after 20 hours.
    pub per_address_hourly: u32,
    /// Users whose first message of the day one client address causes, in an hour. Default 300.
    pub firsts_per_address_hourly: u32,
    /// Messages for one larger network in an hour, counted as for `per_address_hourly`: an IPv4 /24 or an IPv6
    /// /48. Default 300.
    pub per_network_hourly: u32,
    /// Tries to send for one user in a minute, whatever becomes of them. Never refunded. Default 3.
    pub tries_per_user_minutely: u32,
    /// Tries to send for one user in an hour. Never refunded. Default 20.
    pub tries_per_user_hourly: u32,
    /// Tries of all users in a minute that were *not sent*. A message that the provider accepts does not count:
    /// the budget limits those. Default 60.
    pub tries_total_minutely: u32,
    /// How long nothing is sent to a number for a user after the provider has refused this number, or has limited
    /// its rate. If the provider says when a limited number may try again, that counts, but at least one minute
    /// and at most this. Default 5 minutes.
    pub number_pause: Duration,
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
            per_address_hourly: 30,
            firsts_per_address_hourly: 300,
            per_network_hourly: 300,
            tries_per_user_minutely: 3,
            tries_per_user_hourly: 20,
            tries_total_minutely: 60,
            number_pause: Duration::from_secs(5 * 60),
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

    /// Sets how many messages one client address may cause in an hour, without the first of each user and day.
    #[must_use]
    pub fn with_per_address(self, hourly: u32) -> Self {
        Self { per_address_hourly: hourly, ..self }
    }

    /// Sets for how many users one client address may cause the first message of the day, in an hour.
    #[must_use]
    pub fn with_firsts_per_address(self, hourly: u32) -> Self {
        Self { firsts_per_address_hourly: hourly, ..self }
    }

    /// Sets how many messages one /24 or /48 may cause in an hour, without the first of each user and day.
    #[must_use]
    pub fn with_per_network(self, hourly: u32) -> Self {
        Self { per_network_hourly: hourly, ..self }
    }

    /// Sets how many tries to send one user has in a minute and in an hour, whatever becomes of them.
    #[must_use]
    pub fn with_tries_per_user(self, minutely: u32, hourly: u32) -> Self {
        Self { tries_per_user_minutely: minutely, tries_per_user_hourly: hourly, ..self }
    }

    /// Sets how many tries of all users in a minute may end as *not sent*.
    #[must_use]
    pub fn with_tries_total(self, minutely: u32) -> Self {
        Self { tries_total_minutely: minutely, ..self }
    }

    /// Sets how long nothing is sent to a number that the provider has refused.
    #[must_use]
    pub fn with_number_pause(self, pause: Duration) -> Self {
        Self { number_pause: pause, ..self }
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
            settings().with_firsts_per_address(0),
            settings().with_per_network(0),
            settings().with_tries_per_user(0, 20),
            settings().with_tries_per_user(3, 0),
            settings().with_tries_total(0),
            settings().with_number_pause(Duration::ZERO),
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
