//! Any path under any rules: no server reads it as a path that needs more.
//!
//! An input is text: a rule per line, such as `login /admin/` or `public /robots.txt`, then the path.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/auth-module/tests/it/oracle.rs"]
#[allow(dead_code)]
mod oracle;
#[path = "../../crates/auth-module/tests/it/servers.rs"]
mod servers;

/// As many as there are groups in the model.
const MAX_RULES: usize = 6;

fuzz_target!(|input: &str| {
    let (rules, path) = input.rsplit_once('\n').unwrap_or(("", input));
    if !path.starts_with('/') {
        return;
    }
    let rule = |line: &str| {
        let (access, pattern) = line.split_once(' ')?;
        auth_module::PathPattern::parse(pattern).ok()?;
        Some((access == "public", pattern.to_owned()))
    };
    let rules: Vec<(bool, String)> = rules.lines().filter_map(rule).take(MAX_RULES).collect();
    let policy = oracle::policy(&rules);
    let caught = oracle::caught(&policy, path);
    for steps in servers::SERVERS {
        assert_eq!(oracle::escape(&policy, &caught, path, steps), None);
    }
});
