//! The program `mfa-gateway`: its command line, over the library of the same name.

mod actor;
mod audit;
mod check_config;
mod cli;
mod core_dumps;
#[cfg(feature = "demo")]
mod demo;
mod language;
mod logging;
mod output;
mod serve;
mod service_manager;
mod signal;
mod users;

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use mfa_pages::Language;

use crate::cli::{Cli, Command};

/// Runs the command line of this process. Exits with 0 on success, 1 on any error, and 130 on a second signal.
fn main() -> ExitCode {
    let cli = Cli::parse();
    let language = language::chosen(cli.lang);
    // Fails only if a provider is already installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(&cli, language) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // If standard error is closed, there is no other place to report the error.
            let _ = writeln!(std::io::stderr(), "{}", language::show(&error, language));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli, language: Language) -> anyhow::Result<bool> {
    if !cli.allow_core_dumps {
        let remedy = "core dumps cannot be switched off; allow them with --allow-core-dumps";
        core_dumps::forbid().context(remedy)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(command(&cli.command, language));
    // Without waiting for blocking calls: one that hangs must not keep the process beyond its stop timeout.
    runtime.shutdown_background();
    done
}

async fn command(command: &Command, language: Language) -> anyhow::Result<bool> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => return demo::run(args).await,
        Command::Serve { config } => serve::serve(config).await?,
        Command::CheckConfig(args) => return check_config::run(args, language),
        Command::User(command) => users::run(command, language).await?,
        Command::Audit(command) => audit::run(command, language).await?,
    }
    Ok(true)
}
