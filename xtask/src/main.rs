//! The project's commands. `cargo xtask test` runs every check, `cargo xtask tidy` only the rules on the source
//! tree. `settings`, `api` and `deps` write generated documents, `audit` lists the components and what is known against
//! them, `release` tests the packages, and `bench` measures.
#![expect(
    clippy::print_stdout,
    reason = "a command-line tool prints its results on standard output"
)]

mod api;
mod audit;
mod bench;
mod deps;
mod machine;
mod metadata;
mod process;
mod release;
mod rustdoc;
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
    /// Compare the public API of each published crate with its file in docs/api
    Api(api::Arguments),
    /// Write the bill of materials, and compare the dependencies with the RustSec database
    Audit(audit::Arguments),
    /// Print how many crates each published crate brings along
    Deps(deps::Arguments),
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
        Command::Api(arguments) => api::main(&arguments),
        Command::Audit(arguments) => audit::main(&arguments),
        Command::Deps(arguments) => deps::main(&arguments),
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
