//! What a check needs: a transport, and a server that behaves as told.

use std::{any::Any, fmt, sync::Arc};

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
    /// Responds with a redirect of this status to another path of the same server.
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

/// Counts the requests that reach a server. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Counter(Arc<watch::Sender<Requests>>);

impl Default for Counter {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Requests::default())))
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
        self.0.send_modify(|requests| {
            requests.began += 1;
            requests.under_way += 1;
        });
        UnderWay(self.clone())
    }

    pub(super) fn count(&self) -> usize {
        self.0.borrow().began
    }

    pub(super) async fn wait_for_one(&self) {
        let mut requests = self.0.subscribe();
        // The sender lives as long as `self`, so this ends with a value.
        drop(requests.wait_for(|requests| requests.began > 0).await);
    }

    pub(super) async fn wait_for_none_under_way(&self) {
        let mut requests = self.0.subscribe();
        drop(requests.wait_for(|requests| requests.under_way == 0).await);
    }
}

/// A request that the server is not done with.
#[derive(Debug)]
#[must_use = "dropping it says that the server is done with the request"]
pub struct UnderWay(Counter);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| requests.under_way -= 1);
    }
}
