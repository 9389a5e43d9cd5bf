//! A bounded number of turns, given out by the fair queue.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{
    fair_queue::{FairQueue, WaiterId},
    requester::Requester,
};

/// Gives out a bounded number of turns at the same time.
#[derive(Debug)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    queue: FairQueue<oneshot::Sender<Turn>>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<Turns>);

/// A place in the queue, until it is dropped.
struct Place<'a> {
    turns: &'a Turns,
    id: WaiterId,
}

impl Turns {
    pub(super) fn new(at_once: usize, waiting: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: at_once.max(1), queue: FairQueue::new(waiting) })))
    }

    /// Waits for a turn; `None` if the queue has no place for this requester, or gave its place to another.
    ///
    /// If the future is dropped, its place is free again.
    pub(super) async fn take(self: &Arc<Self>, requester: Requester) -> Option<Turn> {
        let (sender, turn) = oneshot::channel();
        let id = self.lock().queue.join(requester, sender)?;
        let _place = Place { turns: self, id };
        self.give_out();
        turn.await.ok()
    }

    fn give_out(self: &Arc<Self>) {
        while let Some(next) = self.next() {
            // If its requester has gone, `send` returns the turn. Dropping it gives it to the next one.
            let _ = next.send(Turn(Arc::clone(self)));
        }
    }

    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        let mut state = self.lock();
        state.free.checked_sub(1)?;
        let next = state.queue.next()?;
        state.free -= 1;
        Some(next)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.give_out();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.lock().queue.leave(self.id);
    }
}

#[cfg(test)]
mod tests {
    use otp_cache::QuotaKey;

    use super::*;

    fn requester(number: u8) -> Requester {
        Requester::new([10, number, 0, 1].into(), QuotaKey::from_bytes([number; 16]))
    }

    /// Waits in a task of its own.
    async fn wait(turns: &Arc<Turns>, number: u8) -> tokio::task::JoinHandle<Option<Turn>> {
        let turns = Arc::clone(turns);
        let waiting = tokio::spawn(async move { turns.take(requester(number)).await });
        tokio::task::yield_now().await;
        waiting
    }

    #[tokio::test]
    async fn a_turn_that_ends_is_the_next_ones() {
        let turns = Turns::new(2, 8);
        let (first, second) = (turns.take(requester(1)).await, turns.take(requester(2)).await);
        assert!(first.is_some() && second.is_some());
        let waiting = wait(&turns, 3).await;
        assert!(!waiting.is_finished(), "two at once");
        drop(first);
        assert!(waiting.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_requester_that_goes_while_waiting_gets_no_turn_and_frees_its_place() {
        let turns = Turns::new(1, 1);
        let turn = turns.take(requester(1)).await.unwrap();
        let gone = wait(&turns, 2).await;
        assert!(turns.take(requester(3)).await.is_none(), "the one place is taken");
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        let waiting = wait(&turns, 3).await;
        assert!(!waiting.is_finished(), "in the place that is free again");
        drop(turn);
        assert!(waiting.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_turn_whose_requester_has_just_gone_is_the_next_ones() {
        let turns = Turns::new(1, 2);
        let turn = turns.take(requester(1)).await.unwrap();
        let (gone, waiting) = (wait(&turns, 2).await, wait(&turns, 3).await);
        // The turn is on its way when the task ends, because nothing ran it in between.
        drop(turn);
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert!(waiting.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_requester_that_loses_its_place_is_refused() {
        let turns = Turns::new(1, 2);
        let _turn = turns.take(requester(1)).await.unwrap();
        let heavy = Requester::new([10, 2, 0, 1].into(), QuotaKey::from_bytes([20; 16]));
        let (_first, turns_of_second) = (wait(&turns, 2).await, Arc::clone(&turns));
        let second = tokio::spawn(async move { turns_of_second.take(heavy).await.is_some() });
        tokio::task::yield_now().await;
        let _third = wait(&turns, 3).await;
        assert!(second.is_finished());
        assert!(!second.await.unwrap());
    }
}
