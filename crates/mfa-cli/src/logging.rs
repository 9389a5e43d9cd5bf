//! Log output: JSON lines or text, to the standard error stream.

use std::io::IsTerminal as _;

use mfa_gateway::config::{Log, LogFormat};
use tracing_subscriber::{fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Starts logging. Later calls have no effect.
pub(crate) fn start(log: &Log) {
    let registry = tracing_subscriber::registry().with(log.filter.clone());
    let writer = std::io::stderr;
    // Fails if the process has a subscriber already, which then stays.
    let _ = match log.format {
        LogFormat::Json => {
            // The list of spans has the current one.
            let layer = fmt::layer().json().flatten_event(true).with_current_span(false);
            registry.with(layer.with_writer(writer)).try_init()
        }
        LogFormat::Text => registry
            .with(fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(writer))
            .try_init(),
    };
}
