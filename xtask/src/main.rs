//! The project's commands. `cargo xtask test` runs every check, `cargo xtask tidy` only the rules on the source
//! tree, `cargo xtask settings` writes the generated documents, and `cargo xtask bench NAME` measures.
#![expect(
    clippy::print_stdout,
    reason = "a command-line tool prints its results on standard output"
)]

mod bench;
mod machine;
mod metadata;
mod process;
mod release;
mod settings;
mod tally;
mod test;
mod tidy;
mod tools;
mod vendor;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's checks, generators and benchmarks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check: formatting, lints, tidy, docs, unit, integration, doc and browser tests
    Test(test::Arguments),
    /// Check dependencies between crates, licences, metadata, imports and file sizes
    Tidy,
    /// Write the sample configuration and the documents of the settings
    Settings,
    /// Test each published crate from its package, outside the workspace
    Release(release::Arguments),
    /// Measure one subject and print its figures and goals
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test(arguments) => test::main(&arguments),
        Command::Tidy => tidy::main(),
        Command::Settings => settings::main(),
        Command::Release(arguments) => release::main(&arguments),
        Command::Bench(arguments) => bench::main(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
