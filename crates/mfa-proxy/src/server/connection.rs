//! One connection: what it waits for, and when its time is up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep_until};

use super::{
    head_lines::HeadLines,
    progress::Progress,
    registry::{Place, Registry, Waiting},
    settings::{ConnectionEvent, ConnectionSettings, TimeoutKind},
    signal::Signal,
};
use crate::framing::Lengths;

/// The state of a connection. Its socket, its requests and the task that drives it share it.
///
/// Locks are taken in this order: first this state, then the registry.
#[derive(Debug)]
pub(crate) struct Connection {
    registry: Arc<Registry>,
    settings: Arc<ConnectionSettings>,
    id: u64,
    signal: Arc<Signal>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Counts the requests.
    exchange: u64,
    /// The head that the connection waits for.
    head: HeadLines,
    write: Progress,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Waits for a head. Since `reading_since` a part of it is there.
    Head { is_first: bool, since: Instant, reading_since: Option<Instant> },
    /// A request is served.
    Serving,
    /// Changed to another protocol, which has timeouts of its own.
    Tunnel,
}

/// Why a connection has to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Evicted,
    TimedOut(TimeoutKind),
}

/// A request that is served. It ends when the last clone is dropped: with the body of the request and that of
/// the response.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    _guard: Arc<ExchangeGuard>,
    connection: Arc<Connection>,
}

#[derive(Debug)]
struct ExchangeGuard {
    connection: Arc<Connection>,
    number: u64,
}

impl Connection {
    pub(crate) fn new(place: &Place) -> Self {
        let registry = Arc::clone(place.registry());
        let settings = registry.settings();
        let write = Progress::new(settings.progress_timeout);
        let phase = Phase::Head { is_first: true, since: Instant::now(), reading_since: None };
        let state = Mutex::new(State { phase, exchange: 0, head: HeadLines::default(), write });
        let signal = Arc::clone(place.signal());
        Self { registry, settings, id: place.id(), signal, state }
    }

    pub(crate) fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    /// Waits until the connection has to be closed.
    pub(crate) async fn ended(&self) -> Ended {
        loop {
            let changed = self.signal.changed();
            if self.signal.is_evicted() {
                return Ended::Evicted;
            }
            match self.deadline() {
                None => changed.await,
                Some((at, kind)) if at <= Instant::now() => return Ended::TimedOut(kind),
                Some((at, _)) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }

    fn deadline(&self) -> Option<(Instant, TimeoutKind)> {
        let settings = self.settings();
        let state = self.lock();
        if let Some(at) = state.write.deadline() {
            return Some((at, TimeoutKind::Write));
        }
        match state.phase {
            Phase::Head { reading_since: Some(since), .. } => {
                Some((since + settings.head_timeout, TimeoutKind::Head))
            }
            Phase::Head { is_first: true, since, .. } => {
                Some((since + settings.head_timeout, TimeoutKind::Silent))
            }
            Phase::Head { is_first: false, since, .. } => {
                Some((since + settings.idle_timeout, TimeoutKind::Idle))
            }
            Phase::Serving | Phase::Tunnel => None,
        }
    }

    pub(crate) fn note(&self, event: ConnectionEvent) {
        self.registry.note(event);
    }

    /// Returns whether no request has begun yet.
    pub(crate) fn awaits_first_head(&self) -> bool {
        matches!(self.lock().phase, Phase::Head { is_first: true, .. })
    }

    /// Notes bytes of the client.
    pub(crate) fn note_read(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let State { phase: Phase::Head { reading_since, .. }, head, .. } = &mut *state else {
            return;
        };
        head.add(bytes);
        if reading_since.is_none() {
            *reading_since = Some(Instant::now());
            self.signal.notify();
        }
    }

    /// Notes that the client does not read.
    pub(crate) fn note_write_blocked(&self) {
        let now = Instant::now();
        if self.lock().write.wait(now) {
            self.set_stalled(true);
            self.signal.notify();
        }
    }

    /// Notes that the client, or the system's buffer, took `bytes` bytes.
    pub(crate) fn note_written(&self, bytes: usize) {
        let mut state = self.lock();
        let now = Instant::now();
        let was_blocked = state.write.deadline().is_some();
        state.write.advance(now, bytes);
        // The rest of the last response: idle time begins when it is written.
        if let Phase::Head { is_first: false, since, reading_since: None } = &mut state.phase {
            *since = now;
        }
        if was_blocked {
            self.set_stalled(false);
        }
    }

    /// Notes whether we wait for the body of a request, or for the client to read.
    pub(crate) fn set_stalled(&self, is_stalled: bool) {
        self.signal.set_stalled(is_stalled);
    }

    /// Begins a request, whose head is complete. Also returns what the lines of the head say about its body.
    pub(crate) fn begin_exchange(self: &Arc<Self>) -> (Exchange, Lengths) {
        let mut state = self.lock();
        state.exchange += 1;
        let number = state.exchange;
        state.phase = Phase::Serving;
        let lengths = std::mem::take(&mut state.head).lengths();
        self.registry.set_waiting(self.id, None);
        drop(state);
        let guard = Arc::new(ExchangeGuard { connection: Arc::clone(self), number });
        (Exchange { _guard: guard, connection: Arc::clone(self) }, lengths)
    }

    /// Notes that the connection changes to another protocol. Its place is taken until it is closed.
    pub(crate) fn become_tunnel(&self) {
        self.lock().phase = Phase::Tunnel;
    }

    fn end_exchange(&self, number: u64) {
        let mut state = self.lock();
        // The body of a request can outlive the response, and be dropped after the next request has begun.
        if state.exchange == number && matches!(state.phase, Phase::Serving) {
            let since = Instant::now();
            state.phase = Phase::Head { is_first: false, since, reading_since: None };
            self.set_stalled(state.write.deadline().is_some());
            self.registry.set_waiting(self.id, Some(Waiting::Next));
            self.signal.notify();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for ExchangeGuard {
    fn drop(&mut self) {
        self.connection.end_exchange(self.number);
    }
}
