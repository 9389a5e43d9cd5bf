//! Log output: JSON lines or text, to the standard error stream.

mod json;

use std::io::IsTerminal as _;

use mfa_gateway::config::{Log, LogFormat};
use tracing_subscriber::{
    Registry,
    filter::Targets,
    fmt,
    layer::SubscriberExt as _,
    reload::{self, Handle},
    util::SubscriberInitExt as _,
};

/// The filter of the log that was started.
#[derive(Debug)]
pub(crate) struct LogFilter(Handle<Targets, Registry>);

impl LogFilter {
    /// Sets which records are logged from now on.
    pub(crate) fn set(&self, filter: &Targets) {
        // Fails only if this log is not the one of the process.
        let _ = self.0.reload(filter.clone());
    }
}

/// Starts logging. Later calls have no effect.
pub(crate) fn start(log: &Log) -> LogFilter {
    let (filter, handle) = reload::Layer::new(log.filter.clone());
    let registry = tracing_subscriber::registry().with(filter);
    let writer = std::io::stderr;
    // Fails if the process has a subscriber already, which then stays.
    let _ = match log.format {
        LogFormat::Json => registry.with(json::layer(writer)).try_init(),
        LogFormat::Text => registry
            .with(fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(writer))
            .try_init(),
    };
    LogFilter(handle)
}
