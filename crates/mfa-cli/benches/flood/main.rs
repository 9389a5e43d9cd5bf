//! Whether other people can log in while one client floods the gateway.
//!
//! `cargo xtask bench flood`, or `cargo bench -p mfa-cli --bench flood -- --json [SCENARIO]`. The program serves on
//! loopback with 1,024 descriptors, beside a simulator in this process. In each scenario 40 people log in with password
//! and code, four of them a second, each from an address and a network of their own. Addresses come by `X-Forwarded-For`.

#![expect(clippy::unwrap_used, reason = "a program for developers")]

mod floods;
mod people;
mod server;

use std::time::Duration;

use testkit::measure::{Goal, Report, Samples};
use tokio::task::JoinSet;

use crate::{
    floods::{SCENARIOS, Scenario},
    server::Server,
};

/// People who log in during one scenario.
const PEOPLE: usize = 40;
const BETWEEN_PEOPLE: Duration = Duration::from_millis(250);
/// How long the flood runs before the first of them.
const AHEAD: Duration = Duration::from_secs(3);
const IN_TIME: Duration = Duration::from_secs(3);
const GOAL_PERCENT: f64 = 95.0;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(target) = arguments.iter().skip_while(|argument| *argument != floods::HOLD).nth(1) {
        return floods::hold_connections(target).await;
    }
    let report = Report::of_this_program();
    let wanted = |scenario: &&Scenario| {
        let mut named = arguments.iter().filter(|argument| !argument.starts_with("--")).peekable();
        named.peek().is_none() || named.any(|name| name == scenario.name)
    };
    for scenario in SCENARIOS.iter().filter(wanted) {
        measure(scenario, report).await;
    }
}

async fn measure(scenario: &Scenario, report: Report) {
    let server = Server::start().await;
    // Dropped at the end of the scenario, which ends the flood.
    let _flood = (scenario.start)(&server);
    tokio::time::sleep(AHEAD).await;
    let mut logins = JoinSet::new();
    for n in 0..PEOPLE {
        logins.spawn(people::log_in(server.browser(&people::address(n)), server.sim(), n));
        tokio::time::sleep(BETWEEN_PEOPLE).await;
    }
    let times = logins.join_all().await;
    let taken: Samples = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let share = {
        let in_time = times.iter().filter(|time| **time <= IN_TIME).count();
        100.0 * in_time as f64 / times.len() as f64
    };
    let row = |what: &str, value: f64, unit: &str, goal: Goal| {
        report.row(
            &format!("flood: {}: {what}", scenario.says),
            &[value].into_iter().collect(),
            unit,
            goal,
        );
    };
    row("logged in within 3 s", share, "%", Goal::AtLeast(GOAL_PERCENT));
    row("time of a login, median", taken.median(), "ms", Goal::None);
    row("time of a login, 99th percentile", percentile_99(times), "ms", Goal::None);
}

fn percentile_99(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get((times.len() * 99).div_ceil(100) - 1).unwrap().as_secs_f64() * 1e3
}
