//! `[limits]`: how many messages may be sent.

use std::time::Duration;

use sms_otp_plugin::{DailyBudget, SendLimitSettings, SendLimits};

use super::{
    document::{Reported, Section},
    duration::minutes,
    problem::Refusal,
    warning::WarningKind,
};

/// An office behind one address reaches fewer than these.
const OFFICE: [(&str, u32); 5] = [
    ("first_sends_per_address", 50),
    ("sends_per_address", 10),
    ("sends_per_network", 50),
    ("sends_per_prefix", 10),
    ("sends_per_day_total", 100),
];

pub(super) fn read(section: &Section<'_>) -> Result<SendLimits, Reported> {
    let defaults = SendLimitSettings::default();
    let limit =
        |name, about, default: u32, most: u32| section.key(name, about).number(default, 1..=most);
    let hourly = limit(
        "sends_per_hour",
        (
            "Messages to one number, and for one user, per hour.",
            "1つの番号への、また1人のユーザーへの、1時間あたりの送信数です。",
        ),
        defaults.per_number_hourly,
        1000,
    );
    let daily = limit(
        "sends_per_day",
        (
            "Messages to one number, and for one user, per day.",
            "1つの番号への、また1人のユーザーへの、1日あたりの送信数です。",
        ),
        defaults.per_number_daily,
        10_000,
    );
    let per_address = limit(
        "sends_per_address",
        (
            "Messages per hour that one client address causes, without the first one \
             of each user and day. For IPv6 it is one /64 network.",
            "1つのクライアントのアドレスによる、1時間あたりの送信数です。ユーザーごと\
             の、その日の最初の1通は数えません。IPv6では、1つの/64をまとめて数えま\
             す。",
        ),
        defaults.per_address_hourly,
        1_000_000,
    );
    let firsts_per_address = limit(
        "first_sends_per_address",
        (
            "Users per hour whose first message of the day one client address causes.",
            "1つのクライアントのアドレスから、その日の最初の1通を受け取るユーザーの、\
             1時間あたりの数です。",
        ),
        defaults.firsts_per_address_hourly,
        1_000_000,
    );
    let per_network = limit(
        "sends_per_network",
        (
            "As sends_per_address, for a whole /24 (IPv4) or /48 (IPv6).",
            "sends_per_addressと同じものを、/24（IPv4）または/48（IPv6）の全体で数えます。",
        ),
        defaults.per_network_hourly,
        1_000_000,
    );
    let per_block = limit(
        "sends_per_prefix",
        (
            "Messages per 10 minutes to numbers with the same first seven digits.",
            "最初の7桁が同じ番号への、10分あたりの送信数です。",
        ),
        defaults.per_block,
        1_000_000,
    );
    let in_all = section
        .key(
            "sends_per_day_total",
            (
                "Billed parts of messages per day in total: the budget.",
                "1日に料金の対象となる通数の合計、つまり予算です。",
            ),
        )
        .renamed_from("sends_in_all")
        .number(10_000, 1..=100_000_000);
    let tries_per_minute = limit(
        "tries_per_minute",
        (
            "Tries to send for one user per minute, sent or not.",
            "1人のユーザーへ送信しようとする、1分あたりの回数です。送信できたかどうか\
             は問いません。",
        ),
        defaults.tries_per_user_minutely,
        1000,
    );
    let tries_per_hour = limit(
        "tries_per_hour",
        (
            "Tries to send for one user per hour, sent or not.",
            "1人のユーザーへ送信しようとする、1時間あたりの回数です。送信できたかどう\
             かは問いません。",
        ),
        defaults.tries_per_user_hourly,
        10_000,
    );
    let tries_total = limit(
        "failed_tries_per_minute_total",
        (
            "Tries of all users per minute that were not sent.",
            "全ユーザーで、送信しようとして送信できなかった、1分あたりの回数です。",
        ),
        defaults.tries_total_minutely,
        1_000_000,
    );
    let number_pause = section
        .key(
            "refused_number_pause",
            (
                "No message goes to a number for this long after the provider has refused \
                 it, or has limited its rate. The pause is for one user.",
                "番号が拒否されるか、その番号への頻度が制限されると、この時間はその番号に\
                 送信しません。対象は、その1人のユーザーだけです。",
            ),
        )
        .duration(defaults.number_pause, minutes(1)..=Duration::from_secs(3600));
    let per_block_period = defaults.per_block_period;
    let settings = defaults
        .with_per_number(hourly?, daily?)
        .with_per_user(hourly?, daily?)
        .with_per_address(per_address?)
        .with_firsts_per_address(firsts_per_address?)
        .with_per_network(per_network?)
        .with_tries_per_user(tries_per_minute?, tries_per_hour?)
        .with_tries_total(tries_total?)
        .with_number_pause(number_pause?)
        .with_per_block(per_block?, per_block_period)
        // One part of a message is one unit of the budget.
        .with_daily_budget(DailyBudget::new(in_all?, 1));
    let values = [
        ("sends_per_hour", hourly?),
        ("sends_per_day", daily?),
        ("sends_per_address", per_address?),
        ("first_sends_per_address", firsts_per_address?),
        ("sends_per_network", per_network?),
        ("sends_per_prefix", per_block?),
        ("sends_per_day_total", in_all?),
        ("tries_per_minute", tries_per_minute?),
        ("tries_per_hour", tries_per_hour?),
        ("failed_tries_per_minute_total", tries_total?),
    ];
    ensure_each_can_be_reached(section, &values)?;
    warn_of_low_limits(section, &values);
    SendLimits::new(&settings).map_err(|error| {
        let refusal = Refusal::new(
            (error.to_string(), "この値は使えません"),
            ("choose smaller numbers", "もっと小さい値にしてください"),
        );
        section.problem("sends_per_day_total", refusal)
    })
}

fn value_of(values: &[(&'static str, u32)], name: &str) -> u32 {
    values.iter().find(|(each, _)| *each == name).map_or(0, |(_, value)| *value)
}

/// Refuses a limit that another one always reaches first, or that lets one user use up what is for all.
fn ensure_each_can_be_reached(
    section: &Section<'_>,
    values: &[(&'static str, u32)],
) -> Result<(), Reported> {
    let pairs = [
        ("sends_per_hour", "sends_per_day"),
        ("sends_per_hour", "tries_per_hour"),
        ("sends_per_day", "sends_per_day_total"),
        ("sends_per_address", "sends_per_network"),
        ("tries_per_minute", "tries_per_hour"),
        ("tries_per_minute", "failed_tries_per_minute_total"),
    ];
    let check = |(one, other)| {
        section.ensure_at_most((one, value_of(values, one)), (other, value_of(values, other)))
    };
    pairs.into_iter().map(check).fold(Ok(()), Result::and)
}

fn warn_of_low_limits(section: &Section<'_>, values: &[(&'static str, u32)]) {
    for (name, enough) in OFFICE {
        if value_of(values, name) < enough {
            let refusal = Refusal::new(
                (
                    "is so low that an office behind one address stops receiving messages",
                    "値が小さく、1つのアドレスを共有する職場ではSMSが届かなくなります",
                ),
                (format!("choose {enough} or more"), format!("{enough}以上にしてください")),
            );
            section.warn(WarningKind::LowLimits, name, refusal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::problems_in;

    #[test]
    fn a_limit_that_another_one_reaches_first_is_refused() {
        for (given, said) in [
            ("sends_per_hour = 11", "1:18: sends_per_hour: is more than sends_per_day;"),
            (
                "sends_per_hour = 10\ntries_per_hour = 9",
                "sends_per_hour: is more than tries_per_hour;",
            ),
            ("sends_per_day_total = 9", "sends_per_day: is more than sends_per_day_total;"),
            ("sends_per_network = 29", "sends_per_address: is more than sends_per_network;"),
            ("tries_per_minute = 21", "tries_per_minute: is more than tries_per_hour;"),
            (
                "failed_tries_per_minute_total = 2",
                "tries_per_minute: is more than failed_tries_per_minute_total;",
            ),
        ] {
            let found = problems_in(given, read);
            assert!(found.len() == 1 && found[0].contains(said), "{given}: {found:?}");
        }
        assert!(problems_in("sends_per_hour = 10", read).is_empty());
    }
}
