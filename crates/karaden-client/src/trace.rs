//! Spans and events: API, operation, retries, HTTP status, kind of error, waits, and the reason of a
//! refusal with a fixed hint.
//!
//! Never a URL, a header, a number, a text or an id.

#[cfg(not(feature = "tracing"))]
pub(crate) use off::{Span, around, finish, retry, start};
#[cfg(feature = "tracing")]
pub(crate) use on::{Span, around, finish, retry, start};

#[cfg(feature = "tracing")]
mod on {
    use std::time::Duration;

    use tracing::{Instrument as _, field::Empty};

    use crate::{error::Error, operation::Operation};

    /// The span of one call.
    pub(crate) type Span = tracing::Span;

    pub(crate) fn start(operation: Operation) -> Span {
        tracing::info_span!(
            "karaden",
            api = operation.api,
            operation = operation.name,
            retries = Empty,
            outcome = Empty,
            status = Empty,
        )
    }

    pub(crate) async fn around<F: Future>(span: &Span, future: F) -> F::Output {
        future.instrument(span.clone()).await
    }

    pub(crate) fn retry(span: &Span, retry: u32, wait: Duration, error: &Error) {
        span.record("retries", retry);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(parent: span, retry, wait_ms, kind = ?error.kind(), "retrying");
    }

    pub(crate) fn finish(span: &Span, error: Option<&Error>) {
        let Some(error) = error else {
            span.record("outcome", "ok");
            return;
        };
        if let Some(status) = error.status() {
            span.record("status", status);
        }
        let kind = error.kind();
        if error.is_outcome_unknown() {
            span.record("outcome", "unknown");
            tracing::warn!(parent: span, ?kind, "the outcome is unknown");
        } else if let Some(reason) = error.refusal() {
            span.record("outcome", "refused");
            let hint = reason.hint();
            tracing::info!(parent: span, ?kind, reason = reason.as_str(), hint, "refused");
        } else {
            span.record("outcome", "failed");
            tracing::info!(parent: span, ?kind, "failed");
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use std::time::Duration;

    use crate::{error::Error, operation::Operation};

    /// Without the feature `tracing` nothing is recorded.
    pub(crate) struct Span;

    pub(crate) fn start(_operation: Operation) -> Span {
        Span
    }

    pub(crate) fn around<F: Future>(_span: &Span, future: F) -> F {
        future
    }

    pub(crate) fn retry(_span: &Span, _retry: u32, _wait: Duration, _error: &Error) {}

    pub(crate) fn finish(_span: &Span, _error: Option<&Error>) {}
}
