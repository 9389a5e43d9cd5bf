//! Log output: JSON lines or text, to the standard error stream.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Starts logging. Later calls have no effect.
pub(crate) fn start(json: bool, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let writer = std::io::stderr;
    // Fails if the process has a subscriber already, which then stays.
    let _ = if json {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(writer)).try_init()
    } else {
        registry
            .with(fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(writer))
            .try_init()
    };
}
