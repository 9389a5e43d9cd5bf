//! `mfa-gateway serve`.

use std::sync::Arc;

use mfa_gateway::{builder::GatewayBuilder, config::Config, running::listen, time::SystemClock};

use crate::{cli::ConfigArg, logging, signal::stop_signal};

/// Runs the gateway until a signal stops it.
pub(crate) async fn serve(arg: &ConfigArg) -> anyhow::Result<()> {
    let config = Config::load(&arg.config)?;
    logging::start(&config.log);
    config.warnings.log();
    // Before the listeners: who can reach the gateway may also stop it.
    let stopped = stop_signal()?;
    let listener = listen(config.gateway.listen).await?;
    let ops_listener = listen(config.gateway.ops_listen).await?;
    let clock = Arc::new(SystemClock);
    let running = GatewayBuilder::new(&config).start(listener, ops_listener, clock).await?;
    tracing::info!(event = "gateway.started", address = %running.address(), ops_address = %running.ops_address(), "the gateway is listening");
    stopped.await?;
    running.shut_down().await;
    Ok(())
}
