//! `mfa-gateway serve`.

use std::{path::Path, pin::pin, sync::Arc};

use mfa_gateway::{
    builder::GatewayBuilder,
    config::Config,
    running::{Running, open_listeners},
    time::SystemClock,
};
use tokio::signal::unix::Signal;

use crate::{
    cli::ConfigArg,
    logging::{self, LogFilter},
    service_manager,
    signal::{reload_signal, stop_signal},
};

/// Runs the gateway until a signal stops it.
pub(crate) async fn serve(arg: &ConfigArg) -> anyhow::Result<()> {
    // Before anything else: a signal may come at any time.
    let mut reload = reload_signal()?;
    let mut stopped = pin!(stop_signal()?);
    let config = Config::load(&arg.config)?;
    let filter = logging::start(&config.log);
    config.warnings.log();
    tracing::info!(event = "gateway.starting", "the gateway starts");
    let running = tokio::select! {
        running = start(&config) => running?,
        stopped = &mut stopped => return stopped,
    };
    let serving = Serving { running: &running, file: &arg.config, filter: &filter };
    tokio::select! {
        () = serving.reload_on(&mut reload) => {}
        () = service_manager::keep_alive(running.self_check()) => {}
        stopped = &mut stopped => stopped?,
    }
    tracing::info!(event = "gateway.stopping", "the gateway stops");
    service_manager::stopping();
    if running.shut_down().await.is_err() {
        // The log says why. To drop the stores would wait for one that does not respond, beyond the stop timeout.
        std::process::exit(1);
    }
    Ok(())
}

async fn start(config: &Config) -> anyhow::Result<Running> {
    let (listener, ops_listener) = open_listeners(&config.gateway).await?;
    let clock = Arc::new(SystemClock);
    let running = GatewayBuilder::new(config).start(listener, ops_listener, clock).await?;
    for address in running.addresses() {
        tracing::info!(event = "gateway.started", %address, "the gateway is listening");
    }
    for address in running.ops_addresses() {
        tracing::info!(event = "gateway.ops_started", %address, "health and metrics are served");
    }
    Ok(running)
}

/// A gateway that runs, and what a reload needs.
struct Serving<'a> {
    running: &'a Running,
    file: &'a Path,
    filter: &'a LogFilter,
}

impl Serving<'_> {
    /// Tells the service manager when the gateway is ready, and reads the configuration again at each signal.
    async fn reload_on(&self, signal: &mut Signal) {
        let mut is_told = false;
        loop {
            tokio::select! {
                () = self.running.until_ready(), if !is_told => {
                    is_told = true;
                    service_manager::ready("serving requests");
                }
                received = signal.recv() => {
                    if received.is_none() {
                        return std::future::pending().await;
                    }
                    if is_told {
                        service_manager::reloading();
                    }
                    let status = self.reload().await;
                    if is_told {
                        service_manager::ready(status);
                    }
                }
            }
        }
    }

    /// Returns what the service manager shows from now on.
    async fn reload(&self) -> &'static str {
        match self.running.reload(self.file).await {
            Ok(config) => {
                self.filter.set(&config.log.filter);
                "serving requests; the configuration was read again"
            }
            // The log has the problems.
            Err(_) => "serving requests; the changed configuration was refused, see the log",
        }
    }
}
