//! Connections that wait for their next request.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    runtime::{Handle, Id},
    task::JoinHandle,
    time::Instant,
};
use url::Url;

use super::connection::Connection;

/// The most connections that wait, over all origins. The one that waited longest makes room.
const MAX_IDLE: usize = 128;

/// Idle connections, those used last first. Closes those that waited too long.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    idle_timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the time of their last use.
    idle: Vec<Idle>,
    /// The tasks that close what waited too long, one a runtime, because nobody may be driving the
    /// runtime of another; each ends when nothing of its runtime waits.
    sweepers: Vec<(Id, JoinHandle<()>)>,
}

struct Idle {
    connection: Box<Connection>,
    since: Instant,
    /// A socket works only with the runtime it was made in.
    runtime: Id,
}

impl Pool {
    pub(super) fn new(idle_timeout: Duration) -> Self {
        Self { shared: Arc::new(Shared { idle_timeout, state: Mutex::default() }) }
    }

    /// A connection to the origin of `url`, the one that was used last.
    pub(super) fn take(&self, url: &Url) -> Option<Box<Connection>> {
        let (now, runtime) = (Instant::now(), Handle::current().id());
        let mut state = self.shared.state();
        let expired = state.expired(now, self.shared.idle_timeout);
        let fits = |idle: &Idle| idle.runtime == runtime && idle.connection.origin().is_of(url);
        let at = state.idle.iter().rposition(fits);
        let taken = at.map(|at| state.idle.remove(at).connection);
        // Closing sockets takes its time, and nobody should wait for it.
        drop(state);
        drop(expired);
        taken
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(&self, connection: Box<Connection>) {
        if self.shared.idle_timeout.is_zero() {
            return;
        }
        let handle = Handle::current();
        let runtime = handle.id();
        let idle = Idle { connection, since: Instant::now(), runtime };
        let mut state = self.shared.state();
        let dropped = (state.idle.len() >= MAX_IDLE).then(|| state.idle.remove(0));
        state.idle.push(idle);
        if !state.sweepers.iter().any(|(id, task)| *id == runtime && !task.is_finished()) {
            state.sweepers.retain(|(_, task)| !task.is_finished());
            let sweeper = sweep(Arc::downgrade(&self.shared), runtime);
            state.sweepers.push((runtime, handle.spawn(sweeper)));
        }
        drop(state);
        drop(dropped);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.shared.state().idle.len()).finish()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for (_, sweeper) in self.state().sweepers.drain(..) {
            sweeper.abort();
        }
    }
}

impl State {
    /// Takes out what waited for `idle_timeout`.
    fn expired(&mut self, now: Instant, idle_timeout: Duration) -> Vec<Idle> {
        let fresh = |idle: &Idle| now.duration_since(idle.since) < idle_timeout;
        let count = self.idle.iter().position(fresh).unwrap_or(self.idle.len());
        self.idle.drain(..count).collect()
    }
}

async fn sweep(pool: Weak<Shared>, runtime: Id) {
    while let Some(wait) = next_end(&pool, runtime) {
        tokio::time::sleep(wait).await;
    }
}

/// Closes what waited too long, of any runtime; says how long until the next one of this `runtime`
/// has, `None` if there is none.
fn next_end(pool: &Weak<Shared>, runtime: Id) -> Option<Duration> {
    let pool = pool.upgrade()?;
    let now = Instant::now();
    let mut state = pool.state();
    let expired = state.expired(now, pool.idle_timeout);
    let ours = state.idle.iter().find(|idle| idle.runtime == runtime);
    let wait = ours.map(|idle| pool.idle_timeout.saturating_sub(now.duration_since(idle.since)));
    if wait.is_none() {
        // Under the lock, so that the next connection starts another sweeper.
        state.sweepers.retain(|(id, _)| *id != runtime);
    }
    drop(state);
    drop(expired);
    wait
}
