//! One piece of work in the queue, and the way back to its caller.

use rusqlite::Connection;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    contain::contain,
    error::Error,
    turn::{QUEUE_TIMEOUT, Turn},
};

/// Whether a job may need more space in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capacity {
    /// It reads, replaces or deletes. It also runs when the file has reached its size limit.
    NotNeeded,
    /// It may add a row.
    MayGrow,
}

/// One queued call, as the writer thread sees it.
pub(crate) trait Job: Send {
    fn capacity(&self) -> Capacity;

    /// Whether the job has waited longer than [`QUEUE_TIMEOUT`].
    fn has_timed_out(&self) -> bool;

    /// Does the work inside the open transaction.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// Notes that the work of this job alone failed and was undone.
    fn fail(&mut self, error: Error);

    /// Sends the outcome to the caller: `failure` if the transaction was not committed. Contains panics of the
    /// caller's code.
    fn reply(self: Box<Self>, failure: Option<&Error>);
}

impl std::fmt::Debug for dyn Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

/// Where the outcome of a job goes.
pub(crate) trait Reply<T>: Send {
    /// Whether the work may begin. It may not if no caller waits any more.
    fn begin(&self) -> bool;

    fn send(self, outcome: Result<T, Error>);
}

/// A caller that waits for the outcome.
pub(crate) struct Waiting<T> {
    pub(crate) turn: Turn,
    pub(crate) outcome: oneshot::Sender<Result<T, Error>>,
}

impl<T: Send> Reply<T> for Waiting<T> {
    fn begin(&self) -> bool {
        !self.outcome.is_closed() && self.turn.take()
    }

    fn send(self, outcome: Result<T, Error>) {
        // If the caller has gone, the committed work stays.
        let _ = self.outcome.send(outcome);
    }
}

/// Calls a function if the job failed.
pub(crate) struct OnFailure<F>(pub(crate) F);

impl<F: FnOnce(Error) + Send> Reply<()> for OnFailure<F> {
    fn begin(&self) -> bool {
        true
    }

    fn send(self, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            self.0(error);
        }
    }
}

/// A job with its work and its reply.
pub(crate) struct Call<T, W, R> {
    capacity: Capacity,
    enqueued_at: Instant,
    work: Option<W>,
    outcome: Option<Result<T, Error>>,
    reply: R,
}

impl<T, W, R> Call<T, W, R>
where
    W: FnOnce(&Connection) -> rusqlite::Result<T>,
    R: Reply<T>,
{
    pub(crate) fn new(capacity: Capacity, work: W, reply: R) -> Self {
        Self { capacity, enqueued_at: Instant::now(), work: Some(work), outcome: None, reply }
    }
}

impl<T, W, R> Job for Call<T, W, R>
where
    T: Send,
    W: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    R: Reply<T>,
{
    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn has_timed_out(&self) -> bool {
        self.enqueued_at.elapsed() > QUEUE_TIMEOUT
    }

    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        // The jobs before it in the transaction may have taken long.
        if self.has_timed_out() {
            self.fail(Error::queue_timeout());
        } else if self.reply.begin()
            && let Some(work) = self.work.take()
        {
            self.outcome = Some(Ok(work(connection)?));
        }
        Ok(())
    }

    fn fail(&mut self, error: Error) {
        self.outcome = Some(Err(error));
    }

    fn reply(self: Box<Self>, failure: Option<&Error>) {
        let Self { work, outcome, reply, .. } = *self;
        let (reported, unused) = match failure {
            Some(failure) => (Some(Err(failure.clone())), outcome),
            None => (outcome, None),
        };
        if let Some(reported) = reported {
            contain(|| reply.send(reported));
        }
        // After the reply, because a panic must not keep it from the caller.
        contain(|| drop(unused));
        contain(|| drop(work));
    }
}
