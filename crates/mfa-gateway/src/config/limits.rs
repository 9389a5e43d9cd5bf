//! `[limits]`: how many messages may be sent.

use std::time::Duration;

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
            "Messages per hour that one client address causes, without the first one of each user and day. \
             For IPv6 it is one /64 network.",
        )
        .number(defaults.per_address_hourly, 1..=1_000_000);
    let firsts_per_address = section
        .key(
            "first_sends_per_address",
            "Users per hour whose first message of the day one client address causes.",
        )
        .number(defaults.firsts_per_address_hourly, 1..=1_000_000);
    let per_network = section
        .key("sends_per_network", "As sends_per_address, for a whole /24 (IPv4) or /48 (IPv6).")
        .number(defaults.per_network_hourly, 1..=1_000_000);
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
    let tries_per_minute = section
        .key("tries_per_minute", "Tries to send for one user per minute, sent or not.")
        .number(defaults.tries_per_user_minutely, 1..=1000);
    let tries_per_hour = section
        .key("tries_per_hour", "Tries to send for one user per hour, sent or not.")
        .number(defaults.tries_per_user_hourly, 1..=10_000);
    let tries_total = section
        .key("failed_tries_per_minute_total", "Tries of all users per minute that were not sent.")
        .number(defaults.tries_total_minutely, 1..=1_000_000);
    let number_pause = section
        .key(
            "refused_number_pause",
            "No message goes to a number for this long after the provider has refused it, or has limited its \
             rate. The pause is for one user.",
        )
        .duration(defaults.number_pause, Duration::from_secs(60)..=Duration::from_secs(3600));
    let (hourly, daily) = (hourly?, daily?);
    let (tries_per_minute, tries_per_hour) = (tries_per_minute?, tries_per_hour?);
    let per_block_period = defaults.per_block_period;
    let settings = defaults
        .with_per_number(hourly, daily)
        .with_per_user(hourly, daily)
        .with_per_address(per_address?)
        .with_firsts_per_address(firsts_per_address?)
        .with_per_network(per_network?)
        .with_tries_per_user(tries_per_minute, tries_per_hour)
        .with_tries_total(tries_total?)
        .with_number_pause(number_pause?)
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
