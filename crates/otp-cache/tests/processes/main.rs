//! Several processes on one store, killed without warning or on a full disk. No acknowledged step is
//! lost, and limits hold across the processes. This binary is its own child, so it has its own `main`.

mod children;
mod full_disk;
mod kills;
mod races;
#[path = "../it/support/redis.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod redis_server;
mod script;

use std::{io::Write, path::Path, process::ExitCode};

const TESTS: [(&str, fn()); 7] = [
    ("acknowledged_steps_survive_hundreds_of_kills", kills::hundreds),
    ("file_opens_after_a_kill_during_its_creation", kills::during_creation),
    ("two_processes_evaluate_no_more_than_the_limit", races::guesses),
    ("two_processes_with_new_sessions_evaluate_no_more_than_the_limit", races::sessions),
    ("two_processes_have_one_winner", races::logins),
    ("full_disk_refuses_writes_until_there_is_space", full_disk::refuses_until_there_is_space),
    ("start_on_a_full_disk_loses_nothing", full_disk::loses_nothing_at_the_start),
];

/// Runs the named tests, or all. Understands the arguments of `cargo test` and nextest.
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--child", role, path, worker] => {
            children::be(role, Path::new(path), worker.parse().expect("a number"));
            return ExitCode::SUCCESS;
        }
        words if words.contains(&"--list") => {
            if !words.contains(&"--ignored") {
                for (name, _) in TESTS {
                    say(&format!("{name}: test"));
                }
            }
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let filters: Vec<&&str> = words.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, test) in TESTS {
        if filters.is_empty() || filters.iter().any(|filter| name.contains(**filter)) {
            // A failed test panics, which fails the whole binary.
            test();
            say(&format!("test {name} ... ok"));
        }
    }
    ExitCode::SUCCESS
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may have ended.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}
