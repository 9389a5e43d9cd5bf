//! `mfa-gateway serve`.

use std::{sync::Arc, time::Duration};

use mfa_gateway::{builder::GatewayBuilder, config::Config, running::listen, time::SystemClock};

use crate::{cli::ConfigArg, logging, signal::stop_signal};

/// The time for load balancers to notice that `/readyz` fails.
const DRAIN_DELAY: Duration = Duration::from_secs(5);

/// Runs the gateway until a signal stops it.
pub(crate) async fn serve(arg: &ConfigArg) -> anyhow::Result<()> {
    let config = Config::load(&arg.config)?;
    logging::start(&config.log);
    let listener = listen(config.gateway.listen).await?;
    let ops_listener = listen(config.gateway.ops_listen).await?;
    let clock = Arc::new(SystemClock);
    let running = GatewayBuilder::new(&config).start(listener, ops_listener, clock).await?;
    tracing::info!(event = "gateway.started", address = %running.address(), ops_address = %running.ops_address(), "the gateway is listening");
    stop_signal().await?;
    running.shut_down(DRAIN_DELAY).await;
    Ok(())
}
