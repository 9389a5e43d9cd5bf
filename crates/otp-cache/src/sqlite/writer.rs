//! The one thread that touches the file: it takes what is waiting, does it in one transaction,
//! commits, and only then answers everybody. When the file is nearly full, the calls that may add a row
//! get a transaction of their own, so that only they are refused.

use std::{thread::JoinHandle, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    database::{Database, Failure, FileSettings},
    group_commit::{GroupCommit, spin_time},
};
use crate::{StoreError, StoreErrorKind};

/// Calls that share one commit, at most.
const BATCH: usize = 128;

/// Calls that may wait for the writer; further callers wait for a place.
const QUEUE: usize = 1024;

/// How long a call may wait for its turn while somebody else holds the file.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a call may need room in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Capacity {
    /// It replaces or deletes what is there.
    NotNeeded,
    /// It may add a row.
    MayGrow,
}

/// One call of the store, as the writer sees it.
trait Job: Send {
    fn capacity(&self) -> Capacity;

    /// When the caller began to wait.
    fn enqueued_at(&self) -> Instant;

    /// Does the work inside the open transaction.
    fn run(&mut self, database: &mut Database) -> Result<(), Failure>;

    /// Answers the caller: `failure` if the transaction was not committed.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// A call with its work and the way back to its caller.
struct Call<T, F> {
    capacity: Capacity,
    enqueued_at: Instant,
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnOnce(&mut Database) -> Result<Result<T, StoreError>, Failure> + Send,
{
    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn enqueued_at(&self) -> Instant {
        self.enqueued_at
    }

    fn run(&mut self, database: &mut Database) -> Result<(), Failure> {
        // A caller that has gone away gets nothing done.
        if let Some(work) = self.work.take()
            && !self.reply.is_closed()
        {
            self.outcome = Some(work(database)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let outcome = match (failure, self.outcome) {
            (Some(failure), _) => Err(failure.to_store_error()),
            (None, Some(outcome)) => outcome,
            (None, None) => return,
        };
        // The caller may have gone away meanwhile; what is done stays done.
        let _ = self.reply.send(outcome);
    }
}

/// The handle that the store keeps: a queue to the thread, and the thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for dyn Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Writer {
    /// Starts the thread over an opened file.
    pub(super) fn start(database: Database, settings: FileSettings) -> Result<Self, StoreError> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let name = "otp-cache-sqlite";
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(database, waiting, &settings))
            .map_err(|source| {
                StoreError::new(StoreErrorKind::Unavailable, "cannot start the store's thread")
                    .with_source(source)
            })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Has the thread do `work` and waits until it is committed.
    pub(super) async fn call<T, F>(&self, capacity: Capacity, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<Result<T, StoreError>, Failure> + Send + 'static,
    {
        const GONE: StoreError =
            StoreError::new(StoreErrorKind::Unavailable, "the store's thread has ended");
        let Some(queue) = &self.queue else { return Err(GONE) };
        let (reply, answer) = oneshot::channel();
        let enqueued_at = Instant::now();
        let call = Call { capacity, enqueued_at, work: Some(work), outcome: None, reply };
        queue.send(Box::new(call)).await.map_err(|_| GONE)?;
        answer.await.map_err(|_| GONE)?
    }
}

impl Drop for Writer {
    /// Lets the thread finish what is queued and waits for it, so that the file is closed.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been answered as an error to every caller already.
            let _ = thread.join();
        }
    }
}

fn serve(database: Database, mut waiting: mpsc::Receiver<Box<dyn Job>>, settings: &FileSettings) {
    let mut slot = Some(database);
    let mut batch = Vec::with_capacity(BATCH);
    let mut answered_at = Instant::now();
    let mut group_commit = GroupCommit::idle(answered_at);
    let mut awake = Duration::ZERO;
    while receive(&mut waiting, &mut batch, answered_at + awake) {
        awake = spin_time(answered_at.elapsed());
        gather(&mut waiting, &mut batch, group_commit);
        let (began, answered) = (Instant::now(), batch.len());
        // All of them have been waiting at the same time, so any order is right.
        let mut growing = Vec::new();
        if slot.as_ref().is_none_or(Database::is_nearly_full) {
            batch.sort_by_key(|job| job.capacity());
            growing =
                batch.split_off(batch.partition_point(|job| job.capacity() == Capacity::NotNeeded));
        }
        commit_and_reply(&mut slot, &mut batch, settings);
        commit_and_reply(&mut slot, &mut growing, settings);
        answered_at = Instant::now();
        group_commit =
            GroupCommit::after(answered, waiting.len(), answered_at - began, answered_at);
    }
}

/// Waits for calls, awake until `awake_until` and then asleep; `false` once there will be no more.
fn receive(
    waiting: &mut mpsc::Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
    awake_until: Instant,
) -> bool {
    while waiting.is_empty() && !waiting.is_closed() && Instant::now() < awake_until {
        std::thread::yield_now();
    }
    waiting.blocking_recv_many(batch, BATCH) > 0
}

/// Lets further calls join the batch for as long as that is worth while.
///
/// Yields instead of sleeping: the wait is shorter than a sleep and a wake-up, and those who are to
/// come may want this very processor.
fn gather(
    waiting: &mut mpsc::Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
    mut group_commit: GroupCommit,
) {
    let mut now = Instant::now();
    group_commit.note_arrival(now);
    while batch.len() < BATCH && group_commit.should_wait(batch.len(), now) {
        match waiting.try_recv() {
            Ok(job) => {
                batch.push(job);
                group_commit.note_arrival(now);
            }
            Err(mpsc::error::TryRecvError::Empty) => {
                std::thread::yield_now();
                now = Instant::now();
            }
            Err(mpsc::error::TryRecvError::Disconnected) => break,
        }
    }
}

/// Does the batch, if there is anything in it, and answers everybody.
fn commit_and_reply(
    slot: &mut Option<Database>,
    batch: &mut Vec<Box<dyn Job>>,
    settings: &FileSettings,
) {
    fail_timed_out_jobs(batch);
    if batch.is_empty() {
        return;
    }
    let failure = run_batch(slot, batch, settings).err();
    if failure.as_ref().is_some_and(Failure::needs_reopening) {
        *slot = None;
    }
    for job in batch.drain(..) {
        job.answer(failure.as_ref());
    }
    if let (Some(database), Some(true)) = (slot, failure.as_ref().map(Failure::is_out_of_space))
        && database.make_room().is_err()
    {
        // Then the disk itself is full, and the next call says so again.
        database.roll_back();
    }
}

/// Answers those who have waited so long that the file must have been held all the while. Nothing was
/// done for them; without this a queue would take the wait for the file once per batch.
fn fail_timed_out_jobs(batch: &mut Vec<Box<dyn Job>>) {
    for job in batch.extract_if(.., |job| job.enqueued_at().elapsed() > QUEUE_TIMEOUT) {
        job.answer(Some(&Failure::late()));
    }
}

/// Does the whole batch in one transaction; after an error nothing of it has happened.
fn run_batch(
    slot: &mut Option<Database>,
    batch: &mut [Box<dyn Job>],
    settings: &FileSettings,
) -> Result<(), Failure> {
    let database = match slot {
        Some(database) => database,
        None => slot.insert(Database::reopen(settings)?),
    };
    database.begin()?;
    let done = batch.iter_mut().try_for_each(|job| job.run(database));
    match done.and_then(|()| database.commit()) {
        Ok(()) => Ok(()),
        Err(failure) => {
            database.roll_back();
            Err(failure)
        }
    }
}
