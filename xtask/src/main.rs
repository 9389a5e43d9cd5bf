//! The project's chores. `cargo xtask test` runs every check, `cargo xtask tidy` only the ones on the
//! shape of the tree, and `cargo xtask bench NAME` the measurements of one subject.
#![expect(
    clippy::print_stdout,
    reason = "a command-line tool speaks to its user on standard output"
)]

mod bench;
mod machine;
mod metadata;
mod process;
mod settings;
mod test;
mod tidy;
mod tools;
mod vendor;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Runs every check: formatting, lints, tidy, docs, unit, integration, doc and browser tests.
    Test(test::Arguments),
    /// Checks the shape of the tree: arrows between crates, licences, metadata, file sizes, docs.
    Tidy,
    /// Writes the sample configuration and the documented settings from the gateway's declarations.
    Settings,
    /// Measures one subject, and prints its figures against their goals.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Test(arguments) => test::main(&arguments),
        Chore::Tidy => tidy::main(),
        Chore::Settings => settings::main(),
        Chore::Bench(arguments) => bench::main(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
