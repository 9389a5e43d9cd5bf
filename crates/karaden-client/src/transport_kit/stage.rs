//! What a check needs: a transport, and a server that behaves as told.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use crate::transport::Transport;

/// What the server does with a request. It has read the whole request before it does so.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// There is no server: no connection is made. As the first behaviour it holds for all requests.
    Absent,
    /// Closes the connection without a response.
    Close,
    /// Responds with 200 and this body, states a longer body, and closes the connection.
    Cut(Bytes),
    /// Responds with 200 and this body, does not state its length, and closes the connection instead of
    /// ending the body.
    CutUnannounced(Bytes),
    /// Responds with 200 and a body of 64 MiB, does not state its length, and reports what it could write with
    /// [`UnderWay::write`].
    Endless,
    /// Responds with a redirect of this status to `/elsewhere` on the same server.
    Redirect(u16),
    /// Responds with this status and body, and states the length of the body.
    Respond(u16, Bytes),
    /// Never responds.
    Silence,
    /// Responds with 200 and this body, and does not state its length.
    Unannounced(Bytes),
}

/// Makes a transport and its server for each check.
#[async_trait]
pub trait Stage: fmt::Debug + Send + Sync {
    /// Makes a new transport, and a server with one behaviour for each request in turn. After the last
    /// one it behaves as [`Behaviour::Close`].
    async fn set(&self, behaviours: Vec<Behaviour>) -> Scene;
}

/// A transport and the server that it talks to.
pub struct Scene {
    pub(super) transport: Box<dyn Transport>,
    pub(super) url: String,
    pub(super) requests: Counter,
    _server: Box<dyn Any + Send + Sync>,
}

impl Scene {
    /// Puts a scene together. `url` is that of the server, `requests` counts what reaches it. `server` is
    /// dropped at the end of the check.
    pub fn new(
        transport: impl Transport,
        url: impl Into<String>,
        requests: Counter,
        server: impl Any + Send + Sync,
    ) -> Self {
        let (transport, server) = (Box::new(transport), Box::new(server));
        Self { transport, url: url.into(), requests, _server: server }
    }
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene").field("requests", &self.requests).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Requests {
    began: usize,
    under_way: usize,
}

/// Counts the requests that reach a server, and keeps the last one. Clones share both.
#[derive(Clone)]
pub struct Counter(Arc<Seen>);

struct Seen {
    requests: watch::Sender<Requests>,
    last: Mutex<Option<http::Request<Bytes>>>,
    written: AtomicUsize,
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the last request: clause 7 looks for its secrets in `Debug`.
        f.debug_tuple("Counter").field(&*self.0.requests.borrow()).finish()
    }
}

impl Default for Counter {
    fn default() -> Self {
        let requests = watch::Sender::new(Requests::default());
        Self(Arc::new(Seen { requests, last: Mutex::default(), written: AtomicUsize::new(0) }))
    }
}

impl Counter {
    /// Creates a counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a request that reached the server. Drop the result when the server is done with it, also
    /// because the client is gone.
    pub fn begin(&self) -> UnderWay {
        self.0.requests.send_modify(|requests| {
            requests.began += 1;
            requests.under_way += 1;
        });
        UnderWay(self.clone())
    }

    pub(super) fn count(&self) -> usize {
        self.0.requests.borrow().began
    }

    pub(super) fn take_last(&self) -> Option<http::Request<Bytes>> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn written(&self) -> usize {
        self.0.written.load(SeqCst)
    }

    pub(super) async fn wait_for_one(&self) {
        let mut requests = self.0.requests.subscribe();
        // The sender lives as long as `self`, so this ends with a value.
        drop(requests.wait_for(|requests| requests.began > 0).await);
    }

    pub(super) async fn wait_for_none_under_way(&self) {
        let mut requests = self.0.requests.subscribe();
        drop(requests.wait_for(|requests| requests.under_way == 0).await);
    }
}

/// A request that the server is not done with.
#[derive(Debug)]
#[must_use = "dropping it says that the server is done with the request"]
pub struct UnderWay(Counter);

impl UnderWay {
    /// Reports the whole request, which clause 8 compares with what the transport was given.
    pub fn receive(&self, request: http::Request<Bytes>) {
        *self.0.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
    }

    /// Reports that the server could write so many bytes more of the body of its response.
    pub fn write(&self, bytes: usize) {
        self.0.0.written.fetch_add(bytes, SeqCst);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.requests.send_modify(|requests| requests.under_way -= 1);
    }
}
