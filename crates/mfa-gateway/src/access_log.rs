//! The access log: one line for each request, when its response has been sent or given up.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use mfa_proxy::{Body, BoxError};
use tokio::time::Instant;
use tracing::Span;

use crate::{
    request_id::Reference,
    state::{Context, Runtime},
};

/// A longer path is cut in the log.
const MAX_PATH_BYTES: usize = 1024;

/// The line of one request. It is written on drop, so that a request that is given up has one too.
#[derive(Debug)]
pub(crate) struct Entry {
    runtime: Arc<Runtime>,
    span: Span,
    started: Instant,
    method: Method,
    client: IpAddr,
    /// `None` if the head of the request was rejected.
    context: Option<Arc<Context>>,
    response: Option<ResponseFacts>,
    /// The bytes of the response's body that were handed to the connection.
    bytes: u64,
}

#[derive(Debug)]
struct ResponseFacts {
    route: &'static str,
    status: StatusCode,
    /// The number that the response shows.
    reference: Option<Reference>,
}

impl Entry {
    pub(crate) fn begin(runtime: Arc<Runtime>, span: Span, method: Method, client: IpAddr) -> Self {
        let started = Instant::now();
        Self { runtime, span, started, method, client, context: None, response: None, bytes: 0 }
    }

    /// Adds the facts of a request whose head was accepted.
    pub(crate) fn set_context(&mut self, context: Arc<Context>) {
        self.context = Some(context);
    }

    /// Adds the facts of the response's head, and counts it.
    pub(crate) fn set_response(
        &mut self,
        route: &'static str,
        status: StatusCode,
        reference: Option<Reference>,
    ) {
        self.response = Some(ResponseFacts { route, status, reference });
        self.runtime.metrics.request(route, status.as_u16(), self.started.elapsed());
    }

    /// Returns the body, which writes this line when it has been sent.
    pub(crate) fn follow(self, body: Body) -> Body {
        LoggedBody { body, entry: self }.boxed_unsync()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        let _in_request = self.span.enter();
        let (context, response) = (self.context.as_deref(), self.response.as_ref());
        let user = context.and_then(|context| context.noted.user());
        tracing::info!(
            event = "http.request",
            method = known_method(&self.method),
            route = response.map(|response| response.route),
            app = context.map(|context| context.app.name.as_str()),
            rule = context.and_then(|context| context.noted.rule_name()),
            path = context.and_then(logged_path),
            status = response.map(|response| response.status.as_u16()),
            bytes = self.bytes,
            client = %self.client,
            user = user.map(|user| self.runtime.log_key.name(user)),
            reference = response.and_then(|response| response.reference).map(tracing::field::display),
            duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "request served"
        );
    }
}

/// Returns the path for the log, if the operator wants paths. Our own pages have the name of their route.
fn logged_path(context: &Context) -> Option<&str> {
    let path = context.path.as_str();
    let is_logged =
        context.settings.logs_paths && !path.starts_with(context.settings.site.prefix.as_str());
    // The path of an accepted request is ASCII, so every index is a boundary.
    is_logged.then(|| path.get(..MAX_PATH_BYTES).unwrap_or(path))
}

/// Returns the method for the log. An unknown method could contain anything, so it is not logged.
fn known_method(method: &Method) -> &str {
    match *method {
        Method::CONNECT
        | Method::DELETE
        | Method::GET
        | Method::HEAD
        | Method::OPTIONS
        | Method::PATCH
        | Method::POST
        | Method::PUT
        | Method::TRACE => method.as_str(),
        _ => "other",
    }
}

/// A body that counts its bytes.
struct LoggedBody {
    // Dropped in this order: what ends with the body is logged first.
    body: Body,
    entry: Entry,
}

impl hyper::body::Body for LoggedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let _in_request = this.entry.span.enter();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        this.entry.bytes += data.map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registered_methods_are_logged_by_name() {
        assert_eq!(known_method(&Method::PATCH), "PATCH");
        let secret = Method::from_bytes(b"HUNTER2").expect("a token");
        assert_eq!(known_method(&secret), "other");
    }
}
