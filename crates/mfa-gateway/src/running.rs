//! Starting the gateway, and shutting it down without losing a request.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::Context as _;
use auth_module::AuthModule;
use auth_store_sqlite::Database;
use mfa_proxy::{ConnectionSettings, Server};
use tokio::{
    net::TcpListener,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    assemble::Assembled,
    ops::{self, Readiness},
    pipeline::{self, Gateway},
    time::SharedClock,
};

const PROBE_INTERVAL: Duration = Duration::from_secs(5);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Connections of the operations listener. They have places of their own, whatever happens to the public one.
const MAX_OPS_CONNECTIONS: usize = 32;
/// How long a request to the operations listener may take when the gateway stops.
const OPS_DRAIN_TIMEOUT: Duration = Duration::from_millis(250);

/// A running gateway.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    ops_address: SocketAddr,
    assembled: Assembled,
    readiness: Readiness,
    clock: SharedClock,
    stop: CancellationToken,
    stop_ops: CancellationToken,
    tasks: TaskTracker,
    ops_tasks: TaskTracker,
}

/// Opens a listener. Call it first: other parts depend on the port.
///
/// # Errors
///
/// When `address` is in use, or does not belong to this machine.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; is it in use?"))
}

/// Serves requests on these listeners.
pub(crate) async fn run(
    assembled: Assembled,
    listener: TcpListener,
    ops_listener: TcpListener,
    clock: SharedClock,
) -> anyhow::Result<Running> {
    let (address, ops_address) = (listener.local_addr()?, ops_listener.local_addr()?);
    let (stop, stop_ops) = (assembled.app.runtime.stop.clone(), CancellationToken::new());
    let (tasks, ops_tasks) = (TaskTracker::new(), TaskTracker::new());
    let readiness = Readiness::default();
    let gateway = Arc::new(Gateway::new(Arc::clone(&assembled.app)));
    let metrics = assembled.app.runtime.metrics.clone();
    let server = Server::new(assembled.connections.clone(), Some(Arc::new(metrics.clone())));
    tasks.spawn(server.serve(listener, stop.clone(), move |request, peer| {
        pipeline::respond(Arc::clone(&gateway), request, peer)
    }));
    let (ready, ops_clock) = (readiness.clone(), Arc::clone(&clock));
    let ops_hosts = assembled.ops_hosts.clone();
    let ops_server = Server::new(ops_connections(), None);
    ops_tasks.spawn(ops_server.serve(ops_listener, stop_ops.clone(), move |request, _peer| {
        let seconds = seconds(&ops_clock);
        let response = ops::respond(&request, &ops_hosts, &metrics, &ready, seconds);
        async move { response }
    }));
    let is_up = probe_once(&assembled, &readiness, &clock, true).await;
    ops_tasks.spawn(probe(
        assembled.clone(),
        readiness.clone(),
        Arc::clone(&clock),
        stop_ops.clone(),
        is_up,
    ));
    ops_tasks.spawn(sweep(assembled.clone(), Arc::clone(&clock), stop_ops.clone()));
    Ok(Running {
        address,
        ops_address,
        assembled,
        readiness,
        clock,
        stop,
        stop_ops,
        tasks,
        ops_tasks,
    })
}

fn ops_connections() -> ConnectionSettings {
    ConnectionSettings {
        max_connections: MAX_OPS_CONNECTIONS,
        drain_timeout: OPS_DRAIN_TIMEOUT,
        ..ConnectionSettings::default()
    }
}

fn seconds(clock: &SharedClock) -> u64 {
    clock.now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// Returns whether the stores respond. Logs only what differs from the probe before, `was_up`.
async fn probe_once(
    assembled: &Assembled,
    readiness: &Readiness,
    clock: &SharedClock,
    was_up: bool,
) -> bool {
    match assembled.probe(clock.now()).await {
        Ok(()) => {
            readiness.note_stores(seconds(clock));
            if !was_up {
                tracing::info!(event = "store.recovered", "the stores respond again");
            }
            true
        }
        Err(error) => {
            if was_up {
                tracing::error!(
                    event = "store.unavailable",
                    error = format!("{error:#}"),
                    "a store does not respond; nobody can log in"
                );
            }
            false
        }
    }
}

async fn probe(
    assembled: Assembled,
    readiness: Readiness,
    clock: SharedClock,
    stop: CancellationToken,
    mut is_up: bool,
) {
    let mut ticks = tokio::time::interval(PROBE_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {
                is_up = probe_once(&assembled, &readiness, &clock, is_up).await;
            }
        }
    }
}

async fn sweep(assembled: Assembled, clock: SharedClock, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {
                if let Err(error) = assembled.app.runtime.auth.sweep(clock.now()).await {
                    tracing::warn!(event = "sweep.failed", error = %error, "expired records could not be deleted");
                }
                if let Err(error) = assembled.audit_upkeep.tick(clock.now()).await {
                    tracing::warn!(event = "audit.upkeep_failed", error = %error, "the audit trail could not be sealed");
                }
            }
        }
    }
}

impl Running {
    /// Returns the address of the public listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of the listener for health and metrics.
    pub fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// Returns the authentication module.
    pub fn auth(&self) -> &AuthModule {
        &self.assembled.app.runtime.auth
    }

    /// Returns the authentication DB.
    pub fn database(&self) -> &Database {
        &self.assembled.database
    }

    /// Writes what was only counted, and logs the last head.
    async fn finish_audit(&self) {
        let (app, now) = (&self.assembled.app, self.clock.now());
        let finished = match app.runtime.auth.finish_audit().await {
            Ok(()) => self.assembled.audit_upkeep.log_head(now).await,
            Err(error) => Err(error),
        };
        if let Err(error) = finished {
            tracing::error!(event = "audit.finish_failed", error = %error, "the last audit records could not be kept");
        }
    }

    /// Shuts the gateway down. It takes `stop_timeout` of the configuration at most.
    ///
    /// `/readyz` fails at once. After a quarter of the time, in which load balancers notice that, the listener
    /// closes, and event streams and WebSocket connections end. Running requests have half of the time. What is
    /// left of it is for logins that go on without their browser.
    pub async fn shut_down(self) {
        self.readiness.drain();
        tokio::time::sleep(self.assembled.stop_timeout / 4).await;
        self.close().await;
    }

    /// Shuts the gateway down like [`shut_down`](Self::shut_down), but without the time for load balancers.
    pub async fn shut_down_at_once(self) {
        self.readiness.drain();
        self.close().await;
    }

    async fn close(self) {
        let until = Instant::now() + self.assembled.stop_timeout * 3 / 4;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let drained = self.assembled.app.runtime.controller.drain();
        if timeout_at(until - OPS_DRAIN_TIMEOUT, drained).await.is_err() {
            tracing::warn!(
                event = "gateway.drain_timeout",
                "logins were still running at the stop timeout"
            );
        }
        self.stop_ops.cancel();
        self.ops_tasks.close();
        self.ops_tasks.wait().await;
        self.finish_audit().await;
        tracing::info!(event = "gateway.stopped", "the gateway has stopped");
    }
}
