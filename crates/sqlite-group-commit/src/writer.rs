//! The one thread that writes. It takes the waiting jobs, runs them in one transaction, commits, and
//! only then replies to their callers.
//!
//! When the file is nearly full, the jobs that may add a row get a transaction of their own. So only
//! they fail, and the other jobs go on.

use std::{
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::{Instant, timeout_at},
};

use crate::{
    connection::WriteConnection,
    contain::contain,
    error::{Error, ErrorKind, is_of_statement},
    group_commit::{GroupCommit, spin_time},
    job::{Call, Capacity, Job, OnFailure, Waiting},
    settings::{FailureScope, FileSettings},
    turn::{QUEUE_TIMEOUT, Turn},
};

/// The most jobs that share one commit.
const MAX_BATCH: usize = 128;

/// The queue to the writer thread, and the thread.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(crate) fn start(settings: FileSettings) -> Result<Self, Error> {
        let connection = WriteConnection::create_or_open(&settings)?;
        let (queue, waiting) = mpsc::channel(settings.queue_length);
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || serve(connection, waiting, &settings))
            .map_err(|source| {
                Error::new(ErrorKind::Unavailable, "cannot start the writer thread")
                    .with_source(source)
            })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues `work` and waits until it is committed.
    pub(crate) async fn write<T, W>(&self, capacity: Capacity, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (sender, outcome) = oneshot::channel();
        let turn = Turn::default();
        // Both before the wait for a place in the queue, so that the timeout covers that wait too.
        let deadline = Instant::now() + QUEUE_TIMEOUT;
        let call = Call::new(capacity, work, Waiting { turn: turn.clone(), outcome: sender });
        let queued = timeout_at(deadline, self.queue()?.send(Box::new(call))).await;
        queued.map_err(|_elapsed| Error::queue_timeout())?.map_err(|_| Error::writer_ended())?;
        turn.outcome(deadline, outcome).await?.map_err(|_| Error::writer_ended())?
    }

    /// Queues `work` without waiting.
    pub(crate) fn write_later<W, F>(
        &self,
        capacity: Capacity,
        work: W,
        on_failure: F,
    ) -> Result<(), Error>
    where
        W: FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
        F: FnOnce(Error) + Send + 'static,
    {
        let call = Call::new(capacity, work, OnFailure(on_failure));
        self.queue()?.try_send(Box::new(call)).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                Error::new(ErrorKind::QueueFull, "too many writes wait for the database file")
            }
            TrySendError::Closed(_) => Error::writer_ended(),
        })
    }

    fn queue(&self) -> Result<&mpsc::Sender<Box<dyn Job>>, Error> {
        self.queue.as_ref().ok_or(Error::writer_ended())
    }
}

impl Drop for Writer {
    /// Waits until the thread has run the queued jobs and closed the file.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has closed the channels, so every caller has got an error already.
            let _ = thread.join();
        }
    }
}

fn serve(
    connection: WriteConnection,
    mut waiting: mpsc::Receiver<Box<dyn Job>>,
    settings: &FileSettings,
) {
    let mut slot = Some(connection);
    let mut batch = Vec::with_capacity(MAX_BATCH);
    let mut replied_at = Instant::now();
    let mut group_commit = GroupCommit::idle(replied_at);
    let mut spin = Duration::ZERO;
    while receive(&mut waiting, &mut batch, replied_at + spin) {
        spin = spin_time(replied_at.elapsed());
        gather(&mut waiting, &mut batch, group_commit);
        let (began, replied) = (Instant::now(), batch.len());
        let mut growing = Vec::new();
        // Without an open file, after a failure, its size is unknown: assume that it is nearly full.
        if slot.as_ref().is_none_or(WriteConnection::is_nearly_full) {
            // The sort is stable, so jobs of the same capacity stay in order. Jobs of different
            // capacity have waited at the same time, so both orders are right.
            batch.sort_by_key(|job| job.capacity());
            let first = batch.partition_point(|job| job.capacity() == Capacity::NotNeeded);
            growing = batch.split_off(first);
        }
        commit_and_reply(&mut slot, &mut batch, settings);
        commit_and_reply(&mut slot, &mut growing, settings);
        replied_at = Instant::now();
        group_commit = GroupCommit::after(replied, waiting.len(), replied_at - began, replied_at);
    }
}

/// Waits for jobs: awake until `awake_until`, then asleep. Returns `false` once there will be no
/// more.
fn receive(
    waiting: &mut mpsc::Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
    awake_until: Instant,
) -> bool {
    while waiting.is_empty() && !waiting.is_closed() && Instant::now() < awake_until {
        thread::yield_now();
    }
    waiting.blocking_recv_many(batch, MAX_BATCH) > 0
}

/// Lets more jobs join the batch for as long as [`GroupCommit`] says.
///
/// Yields instead of sleeping: the wait is shorter than a sleep and a wake-up, and the expected
/// callers may need this very processor.
fn gather(
    waiting: &mut mpsc::Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
    mut group_commit: GroupCommit,
) {
    let mut now = Instant::now();
    group_commit.note_arrival(now);
    while batch.len() < MAX_BATCH && group_commit.should_wait(batch.len(), now) {
        match waiting.try_recv() {
            Ok(job) => {
                batch.push(job);
                group_commit.note_arrival(now);
            }
            Err(mpsc::error::TryRecvError::Empty) => {
                thread::yield_now();
                now = Instant::now();
            }
            Err(mpsc::error::TryRecvError::Disconnected) => break,
        }
    }
}

/// Runs the batch, unless it is empty, and replies to every caller.
fn commit_and_reply(
    slot: &mut Option<WriteConnection>,
    batch: &mut Vec<Box<dyn Job>>,
    settings: &FileSettings,
) {
    fail_timed_out_jobs(batch);
    if batch.is_empty() {
        return;
    }
    let failure = run_batch(slot, batch, settings).err();
    if failure.as_ref().is_some_and(Error::needs_reopening) {
        *slot = None;
    }
    for job in batch.drain(..) {
        job.reply(failure.as_ref());
    }
    // After the replies, so that no caller waits for it.
    if failure.is_some_and(|failure| failure.kind() == ErrorKind::OutOfSpace) {
        reclaim(slot, settings);
    }
}

/// Fails jobs that have waited longer than [`QUEUE_TIMEOUT`], without running them.
fn fail_timed_out_jobs(batch: &mut Vec<Box<dyn Job>>) {
    for job in batch.extract_if(.., |job| job.has_timed_out()) {
        job.reply(Some(&Error::queue_timeout()));
    }
}

/// Runs the whole batch in one transaction. After an error nothing of it has happened.
fn run_batch(
    slot: &mut Option<WriteConnection>,
    batch: &mut [Box<dyn Job>],
    settings: &FileSettings,
) -> Result<(), Error> {
    let writer = match slot {
        Some(writer) => writer,
        None => slot.insert(WriteConnection::reopen(settings)?),
    };
    in_transaction(writer, || {
        batch.iter_mut().try_for_each(|job| run_job(writer, &mut **job, settings.failure_scope))
    })
}

/// Frees space, in a transaction of its own.
fn reclaim(slot: &mut Option<WriteConnection>, settings: &FileSettings) {
    let (Some(writer), Some(reclaim)) = (slot.as_ref(), &settings.reclaim) else { return };
    let reclaimed = in_transaction(writer, || reclaim(writer.connection()).map_err(Error::of_file));
    // If it fails, the disk itself is full, and the next job that grows reports it again.
    if reclaimed.is_err_and(|error| error.needs_reopening()) {
        *slot = None;
    }
}

/// Does `work` between `BEGIN` and `COMMIT`, or undoes it.
fn in_transaction(
    writer: &WriteConnection,
    work: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    writer.begin()?;
    // A panic of one job must not end the thread, which all later calls need. After this error the
    // connection is dropped, so it does not matter what the panic left half done.
    let done = contain(work)
        .unwrap_or(Err(Error::new(ErrorKind::Unavailable, "a job of the transaction panicked")));
    let committed = done.and_then(|()| writer.commit());
    if committed.is_err() {
        writer.roll_back();
    }
    committed
}

/// Runs one job. Returns an error if it spoils the whole transaction.
fn run_job(
    writer: &WriteConnection,
    job: &mut dyn Job,
    failure_scope: FailureScope,
) -> Result<(), Error> {
    if failure_scope == FailureScope::Batch {
        job.run(writer.connection()).map_err(Error::of_file)?;
        return writer.check_transaction();
    }
    writer.execute("SAVEPOINT job")?;
    match job.run(writer.connection()) {
        Ok(()) => {
            writer.check_transaction()?;
            writer.execute("RELEASE job")
        }
        // Some errors make SQLite roll back the whole transaction.
        Err(error) if is_of_statement(&error) && writer.check_transaction().is_ok() => {
            writer.execute("ROLLBACK TO job")?;
            writer.execute("RELEASE job")?;
            job.fail(Error::of_job(error));
            Ok(())
        }
        Err(error) => Err(Error::of_file(error)),
    }
}
