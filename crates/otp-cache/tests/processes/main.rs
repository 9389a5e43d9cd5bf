//! Several processes on one store, killed without warning or on a full disk: nothing acknowledged is
//! lost, and limits hold over all of them. This binary is its own child, so it has a `main` of its own.

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
    ("what_is_acknowledged_survives_hundreds_of_kills", kills::hundreds),
    ("a_file_that_is_killed_while_it_is_made_opens_again", kills::while_the_file_is_made),
    ("two_processes_evaluate_no_more_than_the_limit", races::guesses),
    ("two_processes_with_a_session_for_every_guess_evaluate_no_more", races::sessions),
    ("two_processes_have_one_winner", races::logins),
    ("a_full_disk_refuses_and_recovers_by_itself", full_disk::recovers),
    ("a_start_on_a_full_disk_loses_nothing", full_disk::starts),
];

/// Runs the named tests, all without a name; understands what `cargo test` and nextest ask.
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
            // A broken promise panics and so fails the whole binary.
            test();
            say(&format!("test {name} ... ok"));
        }
    }
    ExitCode::SUCCESS
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A parent that has gone away hears nothing.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}
