//! Recording who called when, and what was answered.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::linear::Event;

/// The clock that all callers of a history share. It counts, so that two ticks are never the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticks(Arc<AtomicU64>);

impl Ticks {
    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    /// Awaits `call` and returns its value with the ticks before and after it.
    pub(super) async fn around<T>(&self, call: impl Future<Output = T>) -> (T, [u64; 2]) {
        let called_at = self.next();
        let value = call.await;
        (value, [called_at, self.next()])
    }
}

/// What one caller has recorded.
#[derive(Debug)]
pub(super) struct History<C, A> {
    ticks: Ticks,
    pub(super) events: Vec<Event<C, A>>,
}

impl<C, A> History<C, A> {
    pub(super) fn new(ticks: &Ticks) -> Self {
        Self { ticks: ticks.clone(), events: Vec::new() }
    }

    /// Awaits a call and records it. A call that failed may have happened or not.
    pub(super) async fn record<T, E>(
        &mut self,
        call: C,
        answer: impl Future<Output = Result<T, E>>,
        seen: impl FnOnce(&T) -> A,
    ) -> Option<T> {
        let (answer, [called_at, answered_at]) = self.ticks.around(answer).await;
        let value = answer.ok();
        let answer = value.as_ref().map(seen);
        self.events.push(Event { called_at, answered_at, call, answer });
        value
    }
}
