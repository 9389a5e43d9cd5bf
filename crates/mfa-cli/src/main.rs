//! The program `mfa-gateway`: its command line, over the library of the same name.

mod actor;
mod audit;
mod cli;
mod core_dumps;
#[cfg(feature = "demo")]
mod demo;
mod logging;
mod output;
mod serve;
mod service_manager;
mod signal;
mod users;

use std::{io::Write as _, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Parser as _;
use mfa_gateway::{
    builder::GatewayBuilder,
    config::{Config, built_in_texts},
};

use crate::cli::{CheckConfigArgs, Cli, Command};

/// Runs the command line of this process. Exits with 0 on success, 1 on any error, and 130 on a second signal.
fn main() -> ExitCode {
    let cli = Cli::parse();
    // Fails only if a provider is already installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // If standard error is closed, there is no other place to report the error.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<bool> {
    if !cli.allow_core_dumps {
        let remedy = "core dumps cannot be switched off; allow them with --allow-core-dumps";
        core_dumps::forbid().context(remedy)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(command(&cli.command));
    // Without waiting for blocking calls: one that hangs must not keep the process beyond its stop timeout.
    runtime.shutdown_background();
    done
}

async fn command(command: &Command) -> anyhow::Result<bool> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => return demo::run(args).await,
        Command::Serve { config } => serve::serve(config).await?,
        Command::CheckConfig(args) => output::print(&check_config(args)?)?,
        Command::User(command) => users::run(command).await?,
        Command::Audit(command) => audit::run(command).await?,
    }
    Ok(true)
}

/// Returns what `check-config` prints.
fn check_config(args: &CheckConfigArgs) -> anyhow::Result<String> {
    let reference = Config::reference();
    if let Some(language) = args.texts {
        return Ok(built_in_texts(language.tag()).unwrap_or_default().to_owned());
    }
    match (args.explain.as_deref(), &args.config) {
        (Some(""), _) => Ok(reference.overview()),
        (Some(key), _) => Ok(reference.explain(key)?),
        (None, Some(file)) => {
            let config = Config::load(file)?;
            GatewayBuilder::new(&config).check()?;
            Ok(format!("{}: OK\n\n{}", file.display(), config.message_previews()?))
        }
        (None, None) => bail!("name a file with --config"),
    }
}
