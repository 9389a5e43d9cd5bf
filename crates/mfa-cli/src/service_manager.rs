//! What systemd learns about the gateway (`sd_notify(3)`). Without `NOTIFY_SOCKET` nothing is sent.

use mfa_gateway::self_check::SelfCheck;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// Says that requests are served: after the start, and after each reload.
pub(crate) fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says that the configuration is read again. [`ready`] has to follow.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[
            NotifyState::Reloading,
            now,
            NotifyState::Status("reading the configuration again"),
        ]),
        Err(error) => failed(&error),
    }
}

/// Says that the gateway stops.
pub(crate) fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("finishing requests")]);
}

/// Sends a sign of life at half of the time that the service manager allows, as long as the gateway responds. Never
/// returns.
pub(crate) async fn keep_alive(check: SelfCheck) {
    let timeout = sd_notify::watchdog_enabled().filter(|timeout| !timeout.is_zero());
    let Some(timeout) = timeout else { return std::future::pending().await };
    let mut ticks = interval(timeout / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if check.responds().await {
            send(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(
                event = "gateway.unresponsive",
                "the gateway does not respond to its own check"
            );
        }
    }
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        failed(&error);
    }
}

fn failed(error: &std::io::Error) {
    tracing::warn!(
        event = "service_manager.failed",
        error = error as &dyn std::error::Error,
        "the service manager could not be told"
    );
}
