//! `mfa-gateway serve`: the gateway until it is told to stop.

use std::{sync::Arc, time::Duration};

use mfa_gateway::{
    config::Config,
    running::{listen, start},
    time::SystemClock,
};

use crate::{cli::ConfigArg, logging, signal::stop_signal};

/// How long load balancers get to notice that this gateway is leaving.
const DRAIN_DELAY: Duration = Duration::from_secs(5);

/// Runs the gateway of a configuration file.
pub(crate) async fn serve(arg: &ConfigArg) -> anyhow::Result<()> {
    let config = Config::load(&arg.config)?;
    logging::start(config.log.json, &config.log.filter);
    let listener = listen(config.gateway.listen).await?;
    let ops_listener = listen(config.gateway.ops_listen).await?;
    let running = start(&config, listener, ops_listener, Arc::new(SystemClock)).await?;
    tracing::info!(event = "gateway.started", address = %running.address(), ops_address = %running.ops_address(), "the gateway is listening");
    stop_signal().await?;
    running.shut_down(DRAIN_DELAY).await;
    Ok(())
}
