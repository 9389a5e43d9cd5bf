//! `cargo xtask bench NAME`: measures one subject and prints the results as one table.
//!
//! A subject's measurements are all bench targets of the workspace with its name. With `--json` each of them prints
//! one JSON object per row on standard output, among other lines: `{"name", "value", "unit", "goal", "met"}`. `goal`
//! and `met` are null for a row without a goal. If the value is a median over rounds, `"spread"` is the
//! interquartile range.

use std::{
    collections::BTreeSet, fmt::Write as _, fs, path::Path, process::Command, time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    machine,
    metadata::{self, Metadata, Package, TargetKind, features_together},
    process,
    tools::{self, Tool},
    vendor::Vendor,
};

/// The arguments of `cargo xtask bench`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The subject, such as `otp`; without it the subjects are listed
    name: Option<String>,
    /// Print one JSON object per row, and nothing else on standard output
    #[arg(long)]
    json: bool,
    /// Also write the table into docs/benchmarks.md
    #[arg(long)]
    publish: bool,
    /// Arguments for the bench programs, such as `-- --quick`
    #[arg(last = true)]
    more: Vec<String>,
}

/// One measured figure.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Row {
    name: String,
    value: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spread: Option<[f64; 2]>,
    unit: String,
    goal: Value,
    met: Option<bool>,
}

const LIMIT: Duration = Duration::from_secs(60 * 60);

/// For each subject: its tools in addition to the Rust toolchain, and the programs whose versions matter.
const NEEDS: [(&str, &[Tool], &[&str]); 2] = [
    ("karaden", &[Tool::Node, Tool::Python], &["node", "python3"]),
    ("otp", &[Tool::Redis], &["redis-server"]),
];

pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let metadata = metadata::load()?;
    let targets = targets(&metadata);
    let subjects: BTreeSet<&str> = targets.iter().map(|(_, target)| *target).collect();
    let listing = subjects.iter().copied().collect::<Vec<_>>().join(", ");
    let Some(name) = &arguments.name else {
        println!("{listing}");
        return Ok(());
    };
    if !subjects.contains(name.as_str()) {
        bail!("unknown subject `{name}`; choose from: {listing}");
    }
    let needs = NEEDS.iter().find(|(subject, ..)| subject == name);
    let (needed, programs) = needs.map_or((&[][..], &[][..]), |(_, tools, asked)| (*tools, *asked));
    tools::provide(needed)?;
    let vendor = needed.contains(&Tool::Python).then(|| Vendor::provide(&metadata)).transpose()?;
    let mut rows = Vec::new();
    for (package, target) in targets.into_iter().filter(|(_, target)| target == name) {
        rows.extend(measure(package, target, vendor.as_ref(), &arguments.more)?);
    }
    let report = format!("{}\n\n{}", circumstances(programs), table(&rows));
    if arguments.json {
        for row in &rows {
            println!("{}", serde_json::to_string(row)?);
        }
    } else {
        println!("{report}");
    }
    if arguments.publish {
        publish(&machine::workspace_root().join("docs/benchmarks.md"), name, &report)?;
    }
    let missed: Vec<_> =
        rows.iter().filter(|row| row.met == Some(false)).map(|row| row.name.as_str()).collect();
    if missed.is_empty() { Ok(()) } else { bail!("goals missed: {}", missed.join("; ")) }
}

/// Returns the bench targets of the workspace, as package and target.
fn targets(metadata: &Metadata) -> Vec<(&Package, &str)> {
    let of = |package| {
        metadata::targets(package, TargetKind::Bench).map(move |target| (package, target))
    };
    metadata.workspace_packages().into_iter().flat_map(of).collect()
}

/// Builds and runs one bench program. Its output is printed on standard error, so that `--json` prints rows only.
fn measure(
    package: &Package,
    target: &str,
    vendor: Option<&Vendor>,
    more: &[String],
) -> Result<Vec<Row>> {
    let mut command = Command::new(machine::cargo());
    command.current_dir(machine::workspace_root()).args(["bench", "--locked"]);
    command.args(["--features", &features_together(std::iter::once(package))]);
    let name = package.name.as_str();
    command.args(["--package", name, "--bench", target, "--", "--json"]).args(more);
    command.envs(vendor.into_iter().flat_map(Vendor::variables));
    let mut rows = Vec::new();
    let mut broken = None;
    process::run_aside(&mut command, LIMIT, &mut |line| {
        if line.starts_with('{') {
            match serde_json::from_str(line) {
                Ok(row) => rows.push(row),
                Err(error) => broken = Some(error),
            }
        }
    })?;
    if let Some(error) = broken {
        return Err(error).with_context(|| format!("invalid row of {name}'s bench {target}"));
    }
    if rows.is_empty() {
        bail!("{name}'s bench {target} printed no row");
    }
    Ok(rows)
}

/// Replaces the text between the two comments that mark the subject's place in the page.
fn publish(page: &Path, subject: &str, report: &str) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let text = with_report(&text, subject, report)
        .with_context(|| format!("{} has no comment `<!-- bench {subject} -->`", page.display()))?;
    fs::write(page, text)?;
    Ok(())
}

fn with_report(text: &str, subject: &str, report: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- bench {subject} -->\n"), "<!-- end -->");
    let (head, rest) = text.split_once(&begin)?;
    let (_old, tail) = rest.split_once(end)?;
    Some(format!("{head}{begin}\n{}\n\n{end}{tail}", report.trim_end()))
}

/// Returns the rows as a Markdown table.
fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| measured | median | middle half | unit | goal | met |\n|---|---:|---:|---|---|---|\n",
    );
    for row in rows {
        let goal = match &row.goal {
            Value::Null => String::new(),
            Value::String(goal) => goal.clone(),
            goal => goal.to_string(),
        };
        let met = match row.met {
            None => "",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        let spread = row.spread.map_or_else(String::new, |[least, most]| {
            format!("{} – {}", number(least), number(most))
        });
        let _infallible = writeln!(
            text,
            "| {} | {} | {spread} | {} | {goal} | {met} |",
            row.name,
            number(row.value),
            row.unit
        );
    }
    text
}

/// Formats a value below 1,000 with three significant digits, a larger one as a whole number in groups of three.
fn number(value: f64) -> String {
    if value.abs() < 1000.0 {
        // Up to three digits after the point, one less for each one before it.
        let digits = [1.0, 10.0, 100.0].iter().filter(|bound| value.abs() < **bound).count();
        return format!("{value:.digits$}");
    }
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.split_at(digits.len() - digits.trim_start_matches('-').len());
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    format!("{sign}{}", groups.join(","))
}

/// Returns date, machine, versions and revision, on which the figures depend.
fn circumstances(programs: &[&str]) -> String {
    let ask = |program: &str, argument: &str| {
        process::output(Command::new(program).arg(argument))
            .map_or_else(|_| format!("no {program}"), |text| text.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let revision = process::output(Command::new("git").args([
        "-C",
        env!("CARGO_MANIFEST_DIR"),
        "describe",
        "--always",
        "--dirty",
        "--exclude=*",
    ]));
    let mut versions = vec![format!("Linux {}", ask("uname", "-r")), ask("rustc", "--version")];
    for program in programs {
        let version = ask(program, "--version");
        let is_bare = version.starts_with(['v', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        versions.push(if is_bare { format!("{program} {version}") } else { version });
    }
    format!(
        "{}, {cores} × {}, {}; {}; revision {}",
        ask("date", "+%F"),
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned()),
        field("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown memory".to_owned()),
        versions.join("; "),
        revision.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned()),
    )
}

/// Returns the value of the first line `name : value` of a file.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metadata::made_up::{graph, target};

    #[test]
    fn table_formats_rows_with_and_without_goal() {
        let lines = [
            r#"{"name": "derive", "value": 0.31, "spread": [0.3, 12], "unit": "us", "goal": "<= 0.6", "met": true}"#,
            r#"{"name": "cycles", "value": 1234567.8, "unit": "1/s", "goal": 2000000, "met": false}"#,
            r#"{"name": "dashmap", "value": 42.5, "unit": "1/s", "goal": null, "met": null}"#,
        ];
        let rows: Vec<Row> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            table(&rows),
            "| measured | median | middle half | unit | goal | met |\n|---|---:|---:|---|---|---|\n\
             | derive | 0.310 | 0.300 – 12.0 | us | <= 0.6 | yes |\n\
             | cycles | 1,234,568 |  | 1/s | 2000000 | **no** |\n\
             | dashmap | 42.5 |  | 1/s |  |  |\n"
        );
    }

    #[test]
    fn with_report_replaces_only_the_last_report() {
        let page =
            "a\n<!-- bench otp -->\nold\n<!-- end -->\nb\n<!-- bench sim -->\n<!-- end -->\n";
        assert_eq!(
            with_report(page, "otp", "new\n").unwrap(),
            "a\n<!-- bench otp -->\n\nnew\n\n<!-- end -->\nb\n<!-- bench sim -->\n<!-- end -->\n"
        );
        assert_eq!(with_report(page, "other", "new"), None);
    }

    #[test]
    fn number_has_three_digits_or_groups() {
        for (value, text) in [
            (0.0, "0.000"),
            (9.994, "9.99"),
            (99.0, "99.0"),
            (999.4, "999"),
            (1000.0, "1,000"),
            (-12345.0, "-12,345"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn targets_are_the_bench_targets_of_members() {
        let metadata = graph(&[
            json!({"name": "a", "targets": [target("a", "lib"), target("otp", "bench")]}),
            json!({"name": "b", "targets": [target("foreign", "bench")], "source": "registry+x"}),
        ]);
        let found: Vec<_> =
            targets(&metadata).into_iter().map(|(of, target)| (of.name.as_str(), target)).collect();
        assert_eq!(found, [("a", "otp")]);
    }
}
