//! The gateway: login pages, reverse proxy, configuration, command line and the demo.
//!
//! The only crate that knows every concrete type; see `ARCHITECTURE.md`.

mod app;
mod assemble;
mod cli;
pub mod config;
mod demo;
mod destination;
mod http;
mod logging;
mod ops;
mod routes;
mod running;
pub mod time;
mod users;

use std::{io::Write as _, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser as _;

use crate::{
    cli::{Cli, Command, ConfigArg},
    config::Config,
    time::SystemClock,
};

/// How long load balancers get to notice that this gateway is leaving.
const DRAIN_DELAY: Duration = Duration::from_secs(5);

/// Runs the command line of this process: 0 when all went well, 1 when something is wrong.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // Fails only if a provider is installed already, and then there is one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(command(&cli.command)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to tell if the error stream is gone too.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn command(command: &Command) -> anyhow::Result<bool> {
    match command {
        Command::Demo(args) => return demo::run(args).await,
        Command::Serve { config } => serve(config).await?,
        Command::CheckConfig { config } => {
            Config::load(&config.config)?;
            print(&format!("{}: good\n", config.config.display()))?;
        }
        Command::User(command) => users::run(command).await?,
    }
    Ok(true)
}

async fn serve(arg: &ConfigArg) -> anyhow::Result<()> {
    let config = Config::load(&arg.config)?;
    logging::start(config.log.json, &config.log.filter);
    let listener = running::listen(config.gateway.listen).await?;
    let ops_listener = running::listen(config.gateway.ops_listen).await?;
    let running = running::start(&config, listener, ops_listener, Arc::new(SystemClock)).await?;
    tracing::info!(event = "gateway.started", address = %running.address, ops_address = %running.ops_address);
    running::stop_signal().await?;
    running.shut_down(DRAIN_DELAY).await;
    Ok(())
}

/// Writes to the standard output, for a human or a program that asked for it.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
