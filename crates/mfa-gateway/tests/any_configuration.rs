//! Any text as the configuration file: it is accepted, or each problem is named with its place.

use std::path::Path;

use mfa_gateway::config::Config;
use proptest::prelude::*;

const SAMPLE: &str = include_str!("../config.sample.toml");

/// Values of every type, and some that look like secrets, numbers and tables.
const VALUES: [&str; 14] = [
    "",
    "true",
    "-1",
    "0",
    "99999999999999999999",
    "1e400",
    "\"\"",
    "\"10m\"",
    "\"\\u0000\"",
    "[]",
    "[[]]",
    "{ any = [\"sms-otp\"] }",
    "2026-11-30",
    "'unclosed",
];

/// One change of a line of the sample.
#[derive(Debug, Clone)]
enum Change {
    Remove,
    Repeat,
    /// Takes the `#` off, so that a key that has a default is set.
    Uncomment,
    Value(&'static str),
    Text(String),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Remove),
        Just(Change::Repeat),
        Just(Change::Uncomment),
        prop::sample::select(VALUES.to_vec()).prop_map(Change::Value),
        "\\PC{0,40}".prop_map(Change::Text),
    ]
}

fn apply(line: &str, change: &Change) -> String {
    match change {
        Change::Remove => String::new(),
        Change::Repeat => format!("{line}\n{line}"),
        Change::Uncomment => line.trim_start_matches(['#', ' ']).to_owned(),
        Change::Value(value) => match line.split_once('=') {
            Some((key, _)) => {
                format!("{} = {value}", key.trim_start_matches(['#', ' ']).trim_end())
            }
            None => (*value).to_owned(),
        },
        Change::Text(text) => text.clone(),
    }
}

fn changed(changes: &[(usize, Change)]) -> String {
    let mut lines: Vec<String> = SAMPLE.lines().map(str::to_owned).collect();
    for (at, change) in changes {
        let at = at % lines.len();
        lines[at] = apply(&lines[at], change);
    }
    lines.join("\n")
}

/// Reads the text. Each problem has to name the file, and a line that the file has.
fn read(text: &str) -> Result<(), TestCaseError> {
    let Err(problems) = Config::parse(Path::new("gateway.toml"), text) else { return Ok(()) };
    let shown = problems.to_string();
    prop_assert!(!shown.is_empty());
    for line in shown.lines().filter(|line| line.starts_with("gateway.toml:")) {
        let number = line.split(':').nth(1).unwrap_or_default();
        if let Ok(number) = number.trim().parse::<usize>() {
            prop_assert!(number <= text.lines().count() + 1, "{}", line);
        }
    }
    prop_assert!(shown.lines().all(|line| line.len() < 10_000));
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_has_problems(text in "\\PC*(\n\\PC*){0,5}") {
        read(&text)?;
    }

    #[test]
    fn a_changed_sample_is_a_configuration_or_has_problems(
        changes in prop::collection::vec((any::<usize>(), change()), 1..8),
    ) {
        read(&changed(&changes))?;
    }
}
