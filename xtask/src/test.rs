//! `cargo xtask test`: every check of the project in one command.
//!
//! The steps run in order, and each is timed. If a step fails, the others run, except those that depend on it.
//! Nothing is skipped silently: a missing tool fails the run, an ignored test fails its step, and checks that
//! need a file we may not distribute are listed at the end.

mod steps;

use std::time::Duration;

use anyhow::{Result, bail};

use self::steps::{Session, Step};
use crate::{machine::Stopwatch, tally::Tally, tools};

/// The arguments of `cargo xtask test`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Run only this step; can be repeated
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps and run none
    #[arg(long)]
    list: bool,
}

/// The result of one step.
struct Report {
    name: &'static str,
    elapsed: Duration,
    problem: Option<String>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let steps = choose(&arguments.only)?;
    if arguments.list {
        for step in steps {
            println!("{:<10} {}", step.name, step.what);
        }
        return Ok(());
    }
    let stopwatch = Stopwatch::start();
    let mut session = Session::new()?;
    let mut reports: Vec<Report> = Vec::new();
    let mut total = Tally::default();

    let mut tools: Vec<_> = steps.iter().flat_map(|step| step.needs).copied().collect();
    tools.sort_unstable();
    tools.dedup();
    reports.push(perform("tools", &mut total, |_| tools::provide(&tools)));
    for step in steps {
        let blocker = step.after.iter().find(|name| has_failed(&reports, name));
        reports.push(perform(step.name, &mut total, |tally| match blocker {
            Some(name) => bail!("not run, because `{name}` failed"),
            None => (step.run)(&mut session, tally),
        }));
    }
    summarise(&reports, &session.unchecked, &total, stopwatch.elapsed())
}

fn choose(only: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) =
        only.iter().find(|name| !steps::ALL.iter().any(|step| step.name == name.as_str()))
    {
        let known: Vec<_> = steps::ALL.iter().map(|step| step.name).collect();
        bail!("unknown step `{unknown}`; choose from: {}", known.join(", "));
    }
    let wanted = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    Ok(steps::ALL.iter().filter(wanted).collect())
}

fn has_failed(reports: &[Report], name: &str) -> bool {
    reports.iter().any(|report| report.name == name && report.problem.is_some())
}

/// Runs one step, adds its tests to `total`, and counts a step without tests of its own as one check.
fn perform(
    name: &'static str,
    total: &mut Tally,
    run: impl FnOnce(&mut Tally) -> Result<()>,
) -> Report {
    println!("\n=== {name}");
    let stopwatch = Stopwatch::start();
    let mut tally = Tally::default();
    let outcome = run(&mut tally);
    let problem = verdict(outcome, &tally);
    match &problem {
        Some(problem) => println!("--- {name}: FAILED: {problem}"),
        None => println!("--- {name}: ok"),
    }
    if problem.is_some() && tally.failed == 0 {
        total.failed += 1;
    } else if tally.is_empty() {
        total.passed += 1;
    }
    total.add(tally);
    Report { name, elapsed: stopwatch.elapsed(), problem }
}

fn verdict(outcome: Result<()>, tally: &Tally) -> Option<String> {
    match outcome {
        Err(error) => Some(format!("{error:#}")),
        Ok(()) if tally.failed > 0 => Some(format!("{} tests failed", tally.failed)),
        Ok(()) if tally.skipped > 0 => {
            Some(format!("{} tests were skipped, which fails the step", tally.skipped))
        }
        Ok(()) => None,
    }
}

fn summarise(
    reports: &[Report],
    unchecked: &[String],
    total: &Tally,
    elapsed: Duration,
) -> Result<()> {
    println!("\n{:<10} {:>7}  result", "step", "seconds");
    for report in reports {
        let result = report.problem.as_deref().unwrap_or("ok");
        println!("{:<10} {:>7.1}  {result}", report.name, report.elapsed.as_secs_f64());
    }
    println!("{:<10} {:>7.1}", "total", elapsed.as_secs_f64());
    for what in unchecked {
        println!("not checked: {what}");
    }
    println!();
    for line in &total.closings {
        println!("{line}");
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    let failed: Vec<_> = reports
        .iter()
        .filter(|report| report.problem.is_some())
        .map(|report| report.name)
        .collect();
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choose_of_an_unknown_step_names_the_known_ones() {
        let error = choose(&["lint".to_owned()]).unwrap_err();
        assert!(
            format!("{error}").starts_with("unknown step `lint`; choose from: fmt, "),
            "{error}"
        );
    }

    #[test]
    fn a_step_without_tests_counts_as_one_check() {
        let mut total = Tally::default();
        assert!(perform("fmt", &mut total, |_| Ok(())).problem.is_none());
        assert!(perform("tidy", &mut total, |_| bail!("an arrow")).problem.is_some());
        assert_eq!((total.passed, total.failed), (1, 1));
    }

    #[test]
    fn failed_or_skipped_tests_fail_the_step_although_the_runner_succeeded() {
        let mut total = Tally::default();
        for (line, problem) in [
            ("test result: ok. 2 passed; 0 failed; 0 ignored", None),
            ("test result: FAILED. 2 passed; 1 failed; 0 ignored", Some("1 tests failed")),
            (
                "test result: ok. 2 passed; 0 failed; 3 ignored",
                Some("3 tests were skipped, which fails the step"),
            ),
        ] {
            let report = perform("test", &mut total, |tally| {
                tally.add_line(line);
                Ok(())
            });
            assert_eq!(report.problem.as_deref(), problem, "{line}");
        }
        assert_eq!((total.passed, total.failed), (6, 2));
    }

    #[test]
    fn a_failed_step_without_a_failed_test_counts_as_one_failure() {
        let mut total = Tally::default();
        perform("test", &mut total, |tally| {
            tally.add_line("test result: ok. 2 passed; 0 failed; 0 ignored");
            bail!("the second crate did not compile")
        });
        assert_eq!((total.passed, total.failed), (2, 1));
    }

    #[test]
    fn every_step_comes_after_the_ones_it_needs() {
        for (position, step) in steps::ALL.iter().enumerate() {
            for before in step.after {
                let found = steps::ALL.iter().position(|other| other.name == *before);
                assert!(
                    found.is_some_and(|index| index < position),
                    "{} after {before}",
                    step.name
                );
            }
        }
    }
}
