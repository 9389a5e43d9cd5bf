//! Starting the gateway, and shutting it down without losing a request.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use auth_module::{AuditQuery, AuditReader as _, AuthModule};
use auth_store_sqlite::Database;
use mfa_proxy::{ConnectionSettings, ListenAddress, Listener, Server, ServerSettings};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    assemble::{Assembled, connections},
    clock_watch::ClockWatch,
    config,
    ops::{self, Readiness},
    pipeline::{self, Gateway},
    self_check::SelfCheck,
    time::SharedClock,
};

const PROBE_INTERVAL: Duration = Duration::from_secs(5);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Connections of the operations listener. They have places of their own, whatever happens to the public one.
const MAX_OPS_CONNECTIONS: usize = 32;
/// How long a request to the operations listener may take when the gateway stops.
const OPS_DRAIN_TIMEOUT: Duration = Duration::from_millis(250);
/// The part of the stop timeout that is kept for the operations listener and the last audit records.
const LAST_PART: u32 = 8;

/// A running gateway.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<ListenAddress>,
    ops_addresses: Vec<ListenAddress>,
    pub(crate) assembled: Assembled,
    pub(crate) connections: ServerSettings,
    /// One reload at a time.
    pub(crate) reloading: Mutex<()>,
    readiness: Readiness,
    clock: SharedClock,
    stop: CancellationToken,
    stop_ops: CancellationToken,
    tasks: TaskTracker,
    ops_tasks: TaskTracker,
    self_check: SelfCheck,
}

/// Opens the public listener and that for health and metrics.
///
/// # Errors
///
/// When an address is in use, or does not belong to this machine.
pub async fn open_listeners(gateway: &config::Gateway) -> anyhow::Result<(Listener, Listener)> {
    let mode = gateway.socket_mode;
    Ok((bind(&gateway.listen, mode).await?, bind(&gateway.ops_listen, mode).await?))
}

/// Opens a listener for one address.
///
/// # Errors
///
/// When `address` is in use, or does not belong to this machine.
pub async fn listen(address: SocketAddr) -> anyhow::Result<Listener> {
    bind(&address.into(), 0).await
}

async fn bind(address: &ListenAddress, socket_mode: u32) -> anyhow::Result<Listener> {
    Listener::bind(address, socket_mode)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {address}: {}", why_not(&error)))
}

/// Says why a listener cannot be opened, and what to do.
fn why_not(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "it is in use; stop the other program, or use another address",
        io::ErrorKind::AddrNotAvailable => {
            "the address does not belong to this machine; use another one"
        }
        io::ErrorKind::NotFound => {
            "its folder or its name does not exist; create it, or use another one"
        }
        io::ErrorKind::PermissionDenied => {
            "permission denied; use a port from 1024 on, or a folder that the gateway may write to"
        }
        _ => return format!("{error}; use another address"),
    }
    .to_owned()
}

/// Serves requests on these listeners.
pub(crate) async fn run(
    assembled: Assembled,
    listener: Listener,
    ops_listener: Listener,
    clock: SharedClock,
) -> anyhow::Result<Running> {
    let (addresses, ops_addresses) = (listener.addresses()?, ops_listener.addresses()?);
    let runtime = assembled.app.runtime();
    let (stop, stop_ops) = (runtime.stop.clone(), CancellationToken::new());
    let (tasks, ops_tasks) = (TaskTracker::new(), TaskTracker::new());
    let readiness = Readiness::default();
    let newest = newest_record(&assembled.database).await?;
    let upkeep = Upkeep {
        assembled: assembled.clone(),
        readiness: readiness.clone(),
        clock: Arc::clone(&clock),
        clock_watch: Arc::new(ClockWatch::new(newest)),
    };
    let is_up = upkeep.probe_once(true).await;
    // Nothing is awaited from here on: a start that is given up has served no request.
    let gateway = Arc::new(Gateway::new(Arc::clone(&assembled.app)));
    let metrics = runtime.metrics.clone();
    let settings = connections(&assembled.config())?;
    let server = Server::new(settings, Some(Arc::new(metrics.clone())));
    let connections = server.settings();
    let serving = tasks.spawn(server.serve(listener, stop.clone(), move |request, peer| {
        pipeline::respond(Arc::clone(&gateway), request, peer)
    }));
    let (ready, of_operations) = (readiness.clone(), assembled.clone());
    let ops_server = Server::new(ops_connections(), None);
    ops_tasks.spawn(ops_server.serve(ops_listener, stop_ops.clone(), move |request, _peer| {
        let config = of_operations.config();
        let response = ops::respond(&request, &config.gateway.ops_hosts, &metrics, &ready);
        async move { response }
    }));
    ops_tasks.spawn(upkeep.clone().probe(stop_ops.clone(), is_up));
    ops_tasks.spawn(upkeep.sweep(stop_ops.clone()));
    let self_check = SelfCheck::new(ops_addresses.clone(), serving.abort_handle());
    Ok(Running {
        addresses,
        ops_addresses,
        assembled,
        connections,
        reloading: Mutex::default(),
        readiness,
        clock,
        stop,
        stop_ops,
        tasks,
        ops_tasks,
        self_check,
    })
}

fn ops_connections() -> ConnectionSettings {
    ConnectionSettings {
        max_connections: MAX_OPS_CONNECTIONS,
        drain_timeout: OPS_DRAIN_TIMEOUT,
        ..ConnectionSettings::default()
    }
}

/// Returns when the newest audit record was written: the clock was there before.
async fn newest_record(database: &Database) -> anyhow::Result<SystemTime> {
    let newest = database.audit_reader().search(&AuditQuery::new(1)).await;
    let newest = newest.context("cannot read the audit trail")?;
    Ok(newest.first().map_or(SystemTime::UNIX_EPOCH, |record| record.at))
}

/// What is done now and then while the gateway runs.
#[derive(Debug, Clone)]
struct Upkeep {
    assembled: Assembled,
    readiness: Readiness,
    clock: SharedClock,
    clock_watch: Arc<ClockWatch>,
}

impl Upkeep {
    /// Checks the clock and the stores, and returns whether the stores respond. Logs only what differs from the
    /// probe before, `was_up`.
    async fn probe_once(&self, was_up: bool) -> bool {
        self.readiness.note_clock(self.clock_watch.check(self.clock.now(), Instant::now()));
        match self.assembled.probe(self.clock.now()).await {
            Ok(()) => {
                self.readiness.note_stores(Instant::now());
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
                        "a store does not respond; no user can log in"
                    );
                }
                false
            }
        }
    }

    async fn probe(self, stop: CancellationToken, mut is_up: bool) {
        let mut ticks = tokio::time::interval(PROBE_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => is_up = self.probe_once(is_up).await,
            }
        }
    }

    async fn sweep(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => self.sweep_once().await,
            }
        }
    }

    async fn sweep_once(&self) {
        let now = self.clock.now();
        self.clock_watch.check(now, Instant::now());
        if self.clock_watch.may_delete(Instant::now())
            && let Err(error) = self.assembled.app.runtime().auth.sweep(now).await
        {
            tracing::warn!(
                event = "sweep.failed",
                error = &error as &dyn std::error::Error,
                "expired records could not be deleted"
            );
        }
        if let Err(error) = self.assembled.audit_upkeep.tick(now).await {
            tracing::warn!(
                event = "audit.upkeep_failed",
                error = &error as &dyn std::error::Error,
                "the audit trail could not be sealed"
            );
        }
    }
}

impl Running {
    /// Returns the addresses of the public listener.
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.addresses
    }

    /// Returns the addresses of the listener for health and metrics.
    pub fn ops_addresses(&self) -> &[ListenAddress] {
        &self.ops_addresses
    }

    /// Returns the authentication module.
    pub fn auth(&self) -> Arc<AuthModule> {
        Arc::clone(&self.assembled.app.runtime().auth)
    }

    /// Returns the authentication DB.
    pub fn database(&self) -> &Database {
        &self.assembled.database
    }

    /// Returns what finds out if the gateway still responds.
    pub fn self_check(&self) -> SelfCheck {
        self.self_check.clone()
    }

    /// Waits until `/readyz` succeeds.
    pub async fn until_ready(&self) {
        self.readiness.until_ready().await;
    }

    /// Writes what was only counted, and logs the last head.
    async fn finish_audit(&self) -> anyhow::Result<()> {
        self.auth().finish_audit().await?;
        Ok(self.assembled.audit_upkeep.log_head(self.clock.now()).await?)
    }

    /// Shuts the gateway down. It takes `stop_timeout` of the configuration at most.
    ///
    /// `/readyz` fails at once. After a quarter of the time, in which load balancers notice that, the listener
    /// closes, and event streams and WebSocket connections end. Running requests have half of the time. What is
    /// left of it is for logins that go on without their browser, and for the last audit records.
    ///
    /// # Errors
    ///
    /// When the last audit records could not be kept in this time.
    pub async fn shut_down(&self) -> anyhow::Result<()> {
        let stop_timeout = self.stop_timeout();
        let until = Instant::now() + stop_timeout;
        self.readiness.drain();
        tokio::time::sleep(stop_timeout / 4).await;
        self.close(until).await
    }

    /// Shuts the gateway down like [`shut_down`](Self::shut_down), but without the time for load balancers.
    ///
    /// # Errors
    ///
    /// As for [`shut_down`](Self::shut_down).
    pub async fn shut_down_at_once(&self) -> anyhow::Result<()> {
        let until = Instant::now() + self.stop_timeout() * 3 / 4;
        self.readiness.drain();
        self.close(until).await
    }

    fn stop_timeout(&self) -> Duration {
        self.assembled.config().gateway.stop_timeout
    }

    async fn close(&self, until: Instant) -> anyhow::Result<()> {
        let last_part = self.stop_timeout() / LAST_PART;
        self.stop.cancel();
        self.tasks.close();
        let drained = async {
            self.tasks.wait().await;
            self.assembled.app.runtime().controller.drain().await;
        };
        if timeout_at(until - last_part, drained).await.is_err() {
            tracing::warn!(
                event = "gateway.drain_timeout",
                "requests or logins were still running at the stop timeout"
            );
        }
        self.stop_ops.cancel();
        self.ops_tasks.close();
        // A store that does not respond may hold a probe. The process ends all the same.
        let _ = timeout_at(until - last_part / 2, self.ops_tasks.wait()).await;
        let finished = timeout_at(until, self.finish_audit()).await;
        let finished = finished.unwrap_or_else(|_| Err(anyhow::anyhow!("the time is up")));
        if let Err(error) = &finished {
            tracing::error!(
                event = "audit.finish_failed",
                error = format!("{error:#}"),
                "the last audit records could not be kept"
            );
        }
        tracing::info!(event = "gateway.stopped", "the gateway has stopped");
        finished.context("the last audit records could not be kept")
    }
}
