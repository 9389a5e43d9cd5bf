//! Health and metrics, on a separate listener.

mod host;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use auth_module::AuthModule;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use mfa_controller::{LoginStep, StepClass};
use mfa_proxy::{Body, Cap, ConnectionEvent, ConnectionObserver, RequestBody, TimeoutKind, full};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text::encode},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

use tokio::{sync::Notify, time::Instant};

use crate::{clock_watch::ClockState, disk::DiskWatch};

/// What the stores count by themselves.
#[derive(Debug)]
pub(crate) struct StoreMetrics {
    pub(crate) auth: Arc<AuthModule>,
    pub(crate) disk: Arc<DiskWatch>,
}

impl Collector for StoreMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counts = self.auth.audit_counts();
        for (name, help, count) in [
            ("audit_records_written", "Audit records handed to the trail", counts.written),
            ("audit_records_suppressed", "Repeated audit events only counted", counts.suppressed),
            ("audit_records_lost", "Audit records that could not be kept", counts.lost),
        ] {
            let counter = ConstCounter::new(count);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        let help = "Password attempts that a limit refused, by limit";
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = encoder.encode_descriptor("password_limits_reached", help, None, kind)?;
        for (limit, count) in self.auth.password_limit_counts() {
            ConstCounter::new(count).encode(family.encode_family(&LimitLabel { limit })?)?;
        }
        let free = ConstGauge::new(i64::try_from(self.disk.free_bytes()).unwrap_or(i64::MAX));
        let help = "Free space on the disk of the databases";
        let unit = Some(&Unit::Bytes);
        let metric = encoder.encode_descriptor("disk_free", help, unit, free.metric_type())?;
        free.encode(metric)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

/// The metrics. Labels have fixed values, never a user's input.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    logins: Family<ResultLabel, Counter>,
    verifications: Family<ResultLabel, Counter>,
    message_limits: Family<LimitLabel, Counter>,
    config_reloads: Family<ResultLabel, Counter>,
    duration: Histogram,
    connections: Gauge,
    connections_closed: Family<ReasonLabel, Counter>,
    client_addresses_ignored: Counter,
}

impl Metrics {
    pub(crate) fn new(watched: impl Collector) -> Self {
        let mut registry = Registry::with_prefix("mfa");
        registry.register_collector(Box::new(watched));
        let requests = Family::default();
        let logins = Family::default();
        let verifications = Family::default();
        let message_limits = Family::default();
        let config_reloads = Family::default();
        let duration = Histogram::new([
            0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
        ]);
        registry.register("http_requests", "Requests by route and status", requests.clone());
        registry.register("logins", "Password checks by result", logins.clone());
        registry.register(
            "factor_submissions",
            "Submissions to a factor by result",
            verifications.clone(),
        );
        registry.register(
            "message_limits_reached",
            "Text messages that a limit refused, by limit",
            message_limits.clone(),
        );
        registry.register(
            "config_reloads",
            "Times that the configuration was read again, by result",
            config_reloads.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from request to response head",
            duration.clone(),
        );
        let connections = Gauge::default();
        let connections_closed = Family::default();
        registry.register(
            "connections",
            "Open connections of the public listener",
            connections.clone(),
        );
        registry.register(
            "connections_closed_by_limit",
            "Connections that a timeout or a cap ended",
            connections_closed.clone(),
        );
        let client_addresses_ignored = Counter::default();
        registry.register(
            "client_addresses_ignored",
            "Requests whose peer names a client and is not in trusted_proxies",
            client_addresses_ignored.clone(),
        );
        Self {
            registry: Arc::new(registry),
            requests,
            logins,
            verifications,
            message_limits,
            config_reloads,
            duration,
            connections,
            connections_closed,
            client_addresses_ignored,
        }
    }

    /// Counts a text message that a limit refused.
    pub(crate) fn message_limit(&self, limit: &'static str) {
        self.message_limits.get_or_create(&LimitLabel { limit }).inc();
    }

    /// Counts that the configuration was read again.
    pub(crate) fn config_reload(&self, is_done: bool) {
        let result = if is_done { "done" } else { "failed" };
        self.config_reloads.get_or_create(&ResultLabel { result }).inc();
    }

    /// Counts a request whose peer names a client and is not a listed proxy.
    pub(crate) fn client_address_ignored(&self) {
        self.client_addresses_ignored.inc();
    }

    pub(crate) fn request(&self, route: &'static str, code: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { route, code }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    pub(crate) fn login(&self, step: &LoginStep) {
        self.logins.get_or_create(&ResultLabel { result: result_of(step.class()) }).inc();
    }

    pub(crate) fn verification(&self, step: &LoginStep) {
        self.verifications.get_or_create(&ResultLabel { result: result_of(step.class()) }).inc();
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl ConnectionObserver for Metrics {
    fn note(&self, event: ConnectionEvent) {
        let reason = match event {
            ConnectionEvent::Opened => {
                self.connections.inc();
                return;
            }
            ConnectionEvent::Closed => {
                self.connections.dec();
                return;
            }
            ConnectionEvent::Evicted => "evicted",
            ConnectionEvent::Refused(Cap::Total) => "refused_total",
            ConnectionEvent::Refused(Cap::Address) => "refused_address",
            ConnectionEvent::Refused(Cap::Network) => "refused_network",
            ConnectionEvent::TimedOut(TimeoutKind::Silent) => "timeout_silent",
            ConnectionEvent::TimedOut(TimeoutKind::Head) => "timeout_head",
            ConnectionEvent::TimedOut(TimeoutKind::Idle) => "timeout_idle",
            ConnectionEvent::TimedOut(TimeoutKind::Body) => "timeout_body",
            ConnectionEvent::TimedOut(TimeoutKind::Write) => "timeout_write",
        };
        self.connections_closed.get_or_create(&ReasonLabel { reason }).inc();
    }
}

fn result_of(class: StepClass) -> &'static str {
    match class {
        StepClass::Asked => "asked",
        StepClass::Refused => "refused",
        StepClass::TooMany => "too_many",
        StepClass::Denied => "denied",
        StepClass::Unavailable => "unavailable",
        StepClass::Finished => "finished",
        StepClass::Restart => "restart",
        StepClass::Failed => "failed",
    }
}

/// The readiness of the gateway. A task probes stores and clock, so that reading it costs nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness {
    is_draining: Arc<AtomicBool>,
    probed: Arc<Mutex<Probed>>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Probed {
    /// The last successful probe of the stores. An [`Instant`], because the clock may be set.
    stores_responded_at: Option<Instant>,
    clock: ClockState,
}

impl Readiness {
    /// The gateway is not ready if the last successful probe is older than this.
    const STALE: Duration = Duration::from_secs(15);

    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Notes that the stores responded at this instant.
    pub(crate) fn note_stores(&self, at: Instant) {
        self.probed().stores_responded_at = Some(at);
        self.changed.notify_waiters();
    }

    pub(crate) fn note_clock(&self, clock: ClockState) {
        self.probed().clock = clock;
        self.changed.notify_waiters();
    }

    /// Waits until the gateway is ready.
    pub(crate) async fn until_ready(&self) {
        loop {
            let changed = self.changed.notified();
            if self.state(Instant::now()).0 {
                return;
            }
            changed.await;
        }
    }

    fn state(&self, now: Instant) -> (bool, serde_json::Value) {
        let is_draining = self.is_draining.load(Ordering::Acquire);
        let probed = self.probed();
        let is_fresh = |at: Instant| now.saturating_duration_since(at) <= Self::STALE;
        let do_respond = probed.stores_responded_at.is_some_and(is_fresh);
        let clock = match probed.clock {
            ClockState::Behind => "behind",
            ClockState::Jumped => "jumped",
            ClockState::Right => "ok",
        };
        let body = serde_json::json!({
            "stores": if do_respond { "ok" } else { "failing" },
            "clock": clock,
            "draining": is_draining,
        });
        (do_respond && probed.clock == ClockState::Right && !is_draining, body)
    }

    fn probed(&self) -> MutexGuard<'_, Probed> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Responds on the listener for health and metrics.
pub(crate) fn respond(
    request: &Request<RequestBody>,
    hosts: &[String],
    metrics: &Metrics,
    readiness: &Readiness,
) -> Response<Body> {
    if let Err(status) = host::check(request, hosts) {
        let remedy = "use localhost, an IP address, or a name in gateway.ops_hosts\n";
        return text(status, &format!("this host is not known here; {remedy}"));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/healthz" | "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" => {
            let (is_ready, body) = readiness.state(Instant::now());
            let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            plain(status, "application/json", format!("{body}\n"))
        }
        "/metrics" => plain(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            metrics.text(),
        ),
        _ => text(StatusCode::NOT_FOUND, "not found\n"),
    }
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    plain(status, "text/plain; charset=utf-8", text.to_owned())
}

fn plain(status: StatusCode, content_type: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[derive(Debug)]
    struct NoMetrics;

    impl Collector for NoMetrics {
        fn encode(&self, _: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn readiness_falls_with_the_stores_the_clock_and_the_drain() {
        let readiness = Readiness::default();
        let is_ready = || readiness.state(Instant::now()).0;
        assert!(!is_ready());
        readiness.note_stores(Instant::now());
        advance(Readiness::STALE).await;
        assert!(is_ready());
        advance(Duration::from_millis(1)).await;
        assert!(!is_ready());
        readiness.note_stores(Instant::now());
        for (clock, expected) in
            [(ClockState::Behind, false), (ClockState::Right, true), (ClockState::Jumped, false)]
        {
            readiness.note_clock(clock);
            assert_eq!(is_ready(), expected, "{clock:?}");
        }
        readiness.note_clock(ClockState::Right);
        readiness.drain();
        assert!(!is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn until_ready_returns_with_the_probe_that_succeeds() {
        let readiness = Readiness::default();
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.until_ready().await }
        });
        readiness.note_clock(ClockState::Jumped);
        readiness.note_stores(Instant::now());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        readiness.note_clock(ClockState::Right);
        waiting.await.expect("no panic");
    }

    #[test]
    fn metric_names_are_stable() {
        let metrics = Metrics::new(NoMetrics);
        metrics.request("login", 200, Duration::from_millis(1));
        metrics.note(ConnectionEvent::Opened);
        metrics.note(ConnectionEvent::Evicted);
        metrics.note(ConnectionEvent::TimedOut(TimeoutKind::Silent));
        let text = metrics.text();
        for line in [
            "mfa_connections 1",
            "mfa_connections_closed_by_limit_total{reason=\"evicted\"} 1",
            "mfa_connections_closed_by_limit_total{reason=\"timeout_silent\"} 1",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        assert!(text.contains("mfa_http_requests_total{route=\"login\",code=\"200\"} 1"), "{text}");
        assert!(text.contains("mfa_http_request_duration_seconds_count 1"), "{text}");
        metrics.message_limit("address_hourly");
        let text = metrics.text();
        let limit = "mfa_message_limits_reached_total{limit=\"address_hourly\"} 1";
        assert!(text.contains(limit), "{text}");
    }
}
