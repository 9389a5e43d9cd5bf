//! The one thread that writes: takes what has queued up, commits it together, then answers.

use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::{self, JoinHandle},
};

use auth_module::{AuthError, AuthErrorKind};
use rusqlite::Connection;
use tokio::sync::oneshot;

/// Writes that may wait for the thread; the next one is refused.
const QUEUE: usize = 8192;

/// The most writes in one commit.
const BATCH: usize = 256;

/// Does its work in the open transaction, if there is one; says whether to keep it, and whom to tell when the commit
/// is through or has failed.
type Job = Box<dyn FnOnce(Option<&Connection>) -> (Keep, Tell) + Send>;
type Tell = Box<dyn FnOnce(Committed) + Send>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    No,
    Yes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Committed {
    No,
    Yes,
}

#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> Result<Self, AuthError> {
        let (queue, jobs) = sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name("auth-db-writer".to_owned())
            .spawn(move || run(&connection, &jobs))
            .map_err(|source| {
                unavailable("cannot start the database's writer").with_source(source)
            })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Does `work` in a transaction of its own, as far as it can see, and answers when it is on disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, AuthError> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Box::new(move |open| {
            let result = run_in(open, work);
            let keep = keep(&result);
            let tell: Tell = Box::new(move |committed| {
                let _ = answer.send(match (result, committed) {
                    (Ok(done), Committed::Yes) => Ok(done),
                    (Ok(_), Committed::No) => Err(unavailable("cannot commit to the database")),
                    (Err(error), _) => Err(error),
                });
            });
            (keep, tell)
        }))?;
        answered.await.map_err(|_| unavailable("the database's writer has stopped"))?
    }

    /// Does `work` some time later; `lost` is called if it cannot be kept.
    pub(crate) fn write_later(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
        lost: impl FnOnce() + Send + 'static,
    ) -> Result<(), AuthError> {
        self.enqueue(Box::new(move |open| {
            let result = run_in(open, work);
            let keep = keep(&result);
            let tell: Tell = Box::new(move |committed| {
                if result.is_err() || committed == Committed::No {
                    lost();
                }
            });
            (keep, tell)
        }))
    }

    fn enqueue(&self, job: Job) -> Result<(), AuthError> {
        let queue = self.queue.as_ref().ok_or_else(|| unavailable("the database is closed"))?;
        queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => unavailable("too many writes wait for the database"),
            TrySendError::Disconnected(_) => unavailable("the database's writer has stopped"),
        })
    }
}

impl Drop for Writer {
    /// Waits until everything queued is on disk.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let batch = std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1));
        let (told, committed) = commit(connection, batch);
        for tell in told {
            tell(committed);
        }
    }
}

fn run_in<T>(
    open: Option<&Connection>,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, AuthError> {
    let connection = open.ok_or_else(|| unavailable("cannot begin a transaction"))?;
    work(connection)
        .map_err(|source| unavailable("cannot write to the database").with_source(source))
}

fn keep<T>(result: &Result<T, AuthError>) -> Keep {
    if result.is_ok() { Keep::Yes } else { Keep::No }
}

fn commit(connection: &Connection, batch: impl Iterator<Item = Job>) -> (Vec<Tell>, Committed) {
    let begun = connection.execute_batch("BEGIN IMMEDIATE");
    let open = begun.is_ok().then_some(connection);
    let told = batch.map(|job| in_savepoint(open, job)).collect();
    let committed = begun.and_then(|()| connection.execute_batch("COMMIT"));
    let Err(error) = committed else { return (told, Committed::Yes) };
    tracing::error!(%error, "the database cannot commit");
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    (told, Committed::No)
}

/// Runs the job so that a failure undoes what the job did and nothing else. Without a transaction
/// nothing is run, since each statement would commit by itself.
fn in_savepoint(open: Option<&Connection>, job: Job) -> Tell {
    let open = open.filter(|connection| connection.execute_batch("SAVEPOINT job").is_ok());
    let (keep, tell) = job(open);
    let closed = open.map(|connection| {
        connection.execute_batch(match keep {
            Keep::No => "ROLLBACK TO job; RELEASE job",
            Keep::Yes => "RELEASE job",
        })
    });
    match closed {
        Some(Ok(())) => tell,
        Some(Err(_)) | None => Box::new(move |_| tell(Committed::No)),
    }
}

fn unavailable(what: &'static str) -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, std::path::PathBuf, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER)").unwrap();
        (folder, path, connection)
    }

    fn numbers(path: &std::path::Path) -> Vec<i64> {
        let reader = Connection::open(path).unwrap();
        let mut statement = reader.prepare("SELECT n FROM t ORDER BY n").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn insert(n: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static {
        move |connection| connection.execute("INSERT INTO t VALUES (?1)", [n]).map(drop)
    }

    /// Whoever fails halfway leaves nothing behind, and takes nobody of the same commit along.
    #[tokio::test]
    async fn a_failure_undoes_its_own_work_and_nothing_else() {
        let (_folder, path, connection) = database();
        let writer = Writer::start(connection).unwrap();
        // Holds the thread until the three others have queued up behind it.
        let (release, held) = std::sync::mpsc::channel::<()>();
        let hold = writer.write(move |_| {
            let _ = held.recv();
            Ok(())
        });
        let bad = writer.write(|connection| {
            insert(2)(connection)?;
            connection.execute_batch("no SQL")
        });
        let (first, last) = (writer.write(insert(1)), writer.write(insert(3)));
        // Polled in this order: the release comes when all four are queued.
        let release = async move { drop(release) };
        let (hold, first, bad, last, ()) = tokio::join!(hold, first, bad, last, release);
        assert!(hold.is_ok() && first.is_ok() && last.is_ok());
        assert!(bad.is_err());
        assert_eq!(numbers(&path), [1, 3]);
    }

    /// While somebody else holds the file for too long, nothing is written and everybody is told.
    #[tokio::test]
    async fn without_a_transaction_nothing_is_written() {
        let (_folder, path, connection) = database();
        connection.busy_timeout(std::time::Duration::ZERO).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let writer = Writer::start(connection).unwrap();
        let (lost, told) = std::sync::mpsc::channel();
        writer.write_later(insert(1), move || lost.send(()).unwrap()).unwrap();
        assert!(writer.write(insert(2)).await.is_err());
        told.recv().unwrap();
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(numbers(&path), [] as [i64; 0]);
        writer.write(insert(3)).await.unwrap();
        assert_eq!(numbers(&path), [3]);
    }

    #[tokio::test]
    async fn dropping_it_writes_what_is_queued() {
        let (_folder, path, connection) = database();
        let writer = Writer::start(connection).unwrap();
        for n in 0..1000 {
            writer.write_later(insert(n), || panic!("lost")).unwrap();
        }
        drop(writer);
        assert_eq!(numbers(&path).len(), 1000);
    }
}
