//! What the backends cost, beside what others or bare clients cost in the same run.
//!
//! ```text
//! cargo bench -p otp-cache --all-features --bench otp [-- --json] [-- --quick] [-- memory|sqlite|redis …]
//! ```
//!
//! Prints a table, or with `--json` one JSON object a row. Ratios are taken round by round. `--quick`
//! takes fewer rounds and stops at one million open challenges.

mod growth;
mod memory;
mod redis;
#[path = "../../tests/it/support/redis.rs"]
#[expect(dead_code, reason = "shared with the tests, which need more of it")]
mod redis_server;
mod setup;
mod sqlite;

use testkit::measure::Report;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let wants = |name: &str| {
        let named = ["memory", "sqlite", "redis"].into_iter().any(has);
        !named || has(name)
    };
    let report = Report::of_this_program();
    let is_quick = has("--quick");
    if wants("memory") {
        memory::run(report, is_quick);
    }
    if wants("sqlite") {
        sqlite::run(report, is_quick);
    }
    if wants("redis") {
        redis::run(report, is_quick);
    }
}
