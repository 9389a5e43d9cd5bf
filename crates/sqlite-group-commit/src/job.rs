//! One piece of work in the queue, and the way back to its caller.

use std::time::Duration;

use rusqlite::Connection;
use tokio::{sync::oneshot, time::Instant};

use crate::{contain::contain, error::Error};

/// How long a job may wait for its turn: 5 s. After that it fails without having run.
///
/// Without this limit, each queued batch would wait for the busy timeout again while another process
/// holds the file.
pub const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

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

    /// Returns when the caller began to wait.
    fn enqueued_at(&self) -> Instant;

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
    /// Whether no caller waits any more.
    fn is_abandoned(&self) -> bool;

    fn send(self, outcome: Result<T, Error>);
}

impl<T: Send> Reply<T> for oneshot::Sender<Result<T, Error>> {
    fn is_abandoned(&self) -> bool {
        self.is_closed()
    }

    fn send(self, outcome: Result<T, Error>) {
        // If the caller has gone, the committed work stays.
        let _ = Self::send(self, outcome);
    }
}

/// Calls a function if the job failed.
pub(crate) struct OnFailure<F>(pub(crate) F);

impl<F: FnOnce(Error) + Send> Reply<()> for OnFailure<F> {
    fn is_abandoned(&self) -> bool {
        false
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

    fn enqueued_at(&self) -> Instant {
        self.enqueued_at
    }

    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        // Work is not started for a caller that has gone.
        if let Some(work) = self.work.take()
            && !self.reply.is_abandoned()
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
