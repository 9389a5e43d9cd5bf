//! The duration of each step, measured by the tracing spans of the other crates.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::{Subscriber, span};
use tracing_subscriber::{
    Layer,
    filter::filter_fn,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// The spans that have ended since the last [`take`](Self::take).
#[derive(Debug, Clone, Default)]
pub(crate) struct Timings(Arc<Mutex<Vec<(&'static str, Duration)>>>);

impl Timings {
    /// Starts to record the spans of this process.
    pub(crate) fn start() -> Self {
        let timings = Self::default();
        let ours = filter_fn(|metadata| {
            let ours = ["auth_module", "karaden_client", "mfa_controller"];
            metadata.is_span() && ours.iter().any(|name| metadata.target().starts_with(name))
        });
        // Fails if the process has a subscriber already. Then nothing is recorded, and all times are zero.
        let _ = tracing_subscriber::registry().with(timings.clone().with_filter(ours)).try_init();
        timings
    }

    /// Returns the spans that have ended, and forgets them.
    pub(crate) fn take(&self) -> Ended {
        Ended(std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Spans that have ended.
#[derive(Debug)]
pub(crate) struct Ended(Vec<(&'static str, Duration)>);

impl Ended {
    /// Returns the total duration of all spans named `name`.
    pub(crate) fn time_in(&self, name: &str) -> Duration {
        self.0.iter().filter(|(ended, _)| *ended == name).map(|(_, took)| *took).sum()
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Timings {
    fn on_new_span(&self, _: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Instant::now());
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let started = span.extensions().get::<Instant>().copied();
        if let Some(started) = started {
            let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            ended.push((span.name(), started.elapsed()));
        }
    }
}
