//! `[limits]`: how many messages may be sent.

use sms_otp_plugin::{DailyBudget, SendLimitSettings, SendLimits};

use super::{
    document::{Reported, Section},
    problem::Refusal,
};

pub(super) fn read(section: &Section<'_>) -> Result<SendLimits, Reported> {
    let defaults = SendLimitSettings::default();
    let hourly = section
        .key("sends_per_hour", "Messages to one number, and for one user, per hour.")
        .number(defaults.per_number_hourly, 1..=1000);
    let daily = section
        .key("sends_per_day", "Messages to one number, and for one user, per day.")
        .number(defaults.per_number_daily, 1..=10_000);
    let per_address = section
        .key(
            "sends_per_address",
            "Messages per hour that one client address causes. For IPv6 it is one /64 network.",
        )
        .number(defaults.per_address_hourly, 1..=1_000_000);
    let per_block = section
        .key(
            "sends_per_prefix",
            "Messages per 10 minutes to numbers with the same first seven digits.",
        )
        .number(defaults.per_block, 1..=1_000_000);
    let in_all = section
        .key("sends_per_day_total", "Billed parts of messages per day in total: the budget.")
        .renamed_from("sends_in_all")
        .number(10_000, 1..=100_000_000);
    let (hourly, daily) = (hourly?, daily?);
    let per_block_period = defaults.per_block_period;
    let settings = defaults
        .with_per_number(hourly, daily)
        .with_per_user(hourly, daily)
        .with_per_address(per_address?)
        .with_per_block(per_block?, per_block_period)
        // One part of a message is one unit of the budget.
        .with_daily_budget(DailyBudget::new(in_all?, 1));
    SendLimits::new(&settings).map_err(|error| {
        section.problem(
            "sends_per_day_total",
            Refusal::new(error.to_string(), "choose smaller numbers"),
        )
    })
}
