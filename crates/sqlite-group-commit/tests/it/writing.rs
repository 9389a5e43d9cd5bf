//! Commits that several jobs share.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use rusqlite::Connection;
use sqlite_group_commit::{
    Capacity, Database, ErrorKind, FailureScope, FileSettings, QUEUE_TIMEOUT,
};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time,
};

use crate::support::{
    UNIQUE, add, checkpoint, folder, hold, insert, numbers, open, open_with, release_then,
};

/// A job that adds a row and then fails.
fn insert_and_fail(n: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static {
    move |connection| {
        insert(n)(connection)?;
        connection.execute_batch("no SQL")
    }
}

#[tokio::test]
async fn failed_statement_undoes_its_own_job_only() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    let held = hold(&database);
    let bad = database.write(Capacity::MayGrow, insert_and_fail(2));
    let (first, last) = (add(&database, 1), add(&database, 3));
    // Polled in this order: all three are queued when the writer is released.
    let (first, bad, last, ()) = tokio::join!(first, bad, last, async move { drop(held) });
    assert!(first.is_ok() && last.is_ok());
    let error = bad.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobFailed, "{error:?}");
    assert_eq!(numbers(&database).await.unwrap(), [1, 3]);
}

#[tokio::test]
async fn failed_statement_in_batch_scope_undoes_the_whole_transaction() {
    let (_folder, path) = folder();
    let database =
        open_with(&path, |settings| settings.with_failure_scope(FailureScope::Batch)).await;
    let held = hold(&database);
    let bad = database.write(Capacity::MayGrow, insert_and_fail(2));
    let first = add(&database, 1);
    let (first, bad, ()) = tokio::join!(first, bad, async move { drop(held) });
    assert!(first.is_err() && bad.is_err());
    add(&database, 3).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [3]);
}

#[tokio::test]
async fn panic_undoes_its_transaction_and_later_jobs_run() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    let held = hold(&database);
    let bad = database.write(Capacity::MayGrow, |connection| -> rusqlite::Result<()> {
        insert(2)(connection)?;
        panic!("a bug in the job");
    });
    let first = add(&database, 1);
    let (first, bad, ()) = tokio::join!(first, bad, async move { drop(held) });
    assert_eq!(first.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(bad.unwrap_err().kind(), ErrorKind::Unavailable);
    add(&database, 3).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [3]);
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        // A panic in a panic aborts the process.
        assert!(std::thread::panicking(), "a bug in the value");
    }
}

/// Panics with a value that panics when it is dropped.
fn panic_with_a_bomb() -> ! {
    std::panic::panic_any(Bomb)
}

/// Whether the writer thread still commits.
async fn commits(database: &Database, n: i64) -> bool {
    add(database, n).await.is_ok() && numbers(database).await.is_ok_and(|all| all.contains(&n))
}

#[tokio::test]
async fn panic_of_on_failure_leaves_the_writer_running() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    let fails = |connection: &Connection| connection.execute_batch("no SQL");
    for on_failure in [|_| panic!("a bug in the reply"), |_| panic_with_a_bomb()] {
        database.write_later(Capacity::MayGrow, fails, on_failure).unwrap();
    }
    assert!(commits(&database, 1).await);
}

#[tokio::test]
async fn panic_of_a_job_with_any_payload_leaves_the_writer_running() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    let bad =
        database.write(Capacity::MayGrow, |_| -> rusqlite::Result<()> { panic_with_a_bomb() });
    assert_eq!(bad.await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(commits(&database, 1).await);
}

/// The value of a call that was dropped, and what a job holds that never runs.
#[tokio::test]
async fn panic_of_a_drop_leaves_the_writer_running() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    let (started, has_started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut dropped = Box::pin(database.write(Capacity::MayGrow, move |_| {
        started.send(()).unwrap();
        // An error: the sender was dropped.
        let _ = released.recv();
        Ok(Bomb)
    }));
    assert!(is_pending(dropped.as_mut()).await);
    spawn_blocking(move || has_started.recv().unwrap()).await.unwrap();
    drop(dropped);
    // The first undoes the transaction. So the second does not run, and its work is dropped.
    let (failed, failures) = mpsc::channel();
    let fails = |_: &Connection| -> rusqlite::Result<()> { panic!("a bug in the job") };
    database.write_later(Capacity::MayGrow, fails, |_| ()).unwrap();
    let bomb = Bomb;
    let work = move |_: &Connection| {
        std::mem::forget(bomb);
        Ok(())
    };
    let on_failure = move |error: sqlite_group_commit::Error| failed.send(error.kind()).unwrap();
    database.write_later(Capacity::MayGrow, work, on_failure).unwrap();
    drop(release);
    assert_eq!(failures.recv(), Ok(ErrorKind::Unavailable));
    assert!(commits(&database, 1).await);
}

#[tokio::test]
async fn panic_of_reclaim_leaves_the_writer_running() {
    let (_folder, path) = folder();
    let database = open_with(&path, |settings| {
        settings.with_max_bytes(20_000).with_reclaim(|_| panic_with_a_bomb())
    })
    .await;
    let fill = |connection: &Connection| {
        let series = "WITH RECURSIVE generate(value) AS
            (SELECT 2 UNION ALL SELECT value + 1 FROM generate WHERE value < 9000)
            INSERT INTO number SELECT value FROM generate";
        connection.execute(series, []).map(drop)
    };
    let full = database.write(Capacity::MayGrow, fill).await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::OutOfSpace, "{full:?}");
    assert!(commits(&database, 1).await);
}

/// A name, and what a job does.
type Ending = (&'static str, fn(&Connection));

/// Ways to end the transaction without an error, which no job may do.
fn endings() -> Vec<Ending> {
    fn run(connection: &Connection, statements: &[&str]) {
        for statement in statements {
            let _ = connection.execute_batch(statement);
        }
    }
    vec![
        ("a conflict that rolls back", |connection| {
            run(connection, &["INSERT INTO single VALUES (1)"; 2]);
        }),
        ("a conflict, then a row", |connection| {
            run(connection, &["INSERT INTO single VALUES (1)"; 2]);
            insert(9)(connection).unwrap();
        }),
        ("ROLLBACK", |connection| run(connection, &["ROLLBACK"])),
        ("ROLLBACK and BEGIN", |connection| {
            run(connection, &["ROLLBACK", "BEGIN", "SAVEPOINT job"]);
        }),
        ("COMMIT", |connection| run(connection, &["COMMIT"])),
        ("COMMIT and BEGIN", |connection| run(connection, &["COMMIT", "BEGIN", "SAVEPOINT job"])),
        ("RELEASE", |connection| run(connection, &["RELEASE job", "COMMIT"])),
    ]
}

#[tokio::test]
async fn job_that_ends_the_transaction_fails_all_and_keeps_nothing() {
    for scope in [FailureScope::Batch, FailureScope::Job] {
        for (name, end) in endings() {
            let (_folder, path) = folder();
            let settings = FileSettings::new(&path, UNIQUE).with_failure_scope(scope);
            let database = Database::open(settings).await.unwrap();
            let held = hold(&database);
            let ended = database.write(Capacity::MayGrow, move |connection| {
                end(connection);
                Ok(())
            });
            let (first, last) = (add(&database, 1), add(&database, 2));
            let (first, ended, last, ()) = tokio::join!(first, ended, last, async { drop(held) });
            for outcome in [first, ended, last] {
                let error = outcome.expect_err(name);
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{name}, {scope:?}: {error:?}");
            }
            assert_eq!(numbers(&database).await.unwrap(), [] as [i64; 0], "{name}, {scope:?}");
            add(&database, 3).await.unwrap();
            assert_eq!(numbers(&database).await.unwrap(), [3], "{name}, {scope:?}");
        }
    }
}

#[tokio::test]
async fn write_that_waits_too_long_for_its_turn_fails_and_never_runs() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    let held = hold(&database);
    time::pause();
    let begun = time::Instant::now();
    let late = time::timeout(2 * QUEUE_TIMEOUT, add(&database, 1)).await;
    let late = late.expect("it waits for no longer than that").unwrap_err();
    assert_eq!(late.kind(), ErrorKind::QueueTimeout, "{late:?}");
    assert!(!late.is_outcome_unknown());
    assert!(begun.elapsed() <= QUEUE_TIMEOUT + Duration::from_millis(1));
    time::resume();
    drop(held);
    add(&database, 2).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [2]);
}

#[tokio::test]
async fn write_that_waits_too_long_for_a_place_in_the_queue_fails() {
    let (_folder, path) = folder();
    let database = open_with(&path, |settings| settings.with_queue_length(1)).await;
    let held = hold(&database);
    database.write_later(Capacity::MayGrow, insert(1), |error| panic!("{error:?}")).unwrap();
    time::pause();
    let late = time::timeout(2 * QUEUE_TIMEOUT, add(&database, 2)).await;
    let late = late.expect("it waits for no longer than that").unwrap_err();
    assert_eq!(late.kind(), ErrorKind::QueueTimeout, "{late:?}");
    time::resume();
    drop(held);
    add(&database, 3).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1, 3]);
}

#[tokio::test]
async fn write_that_has_begun_is_not_taken_back() {
    let (_folder, path) = folder();
    let database = Arc::new(open(&path).await);
    let (started, has_started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let slow = {
        let database = Arc::clone(&database);
        tokio::spawn(async move {
            let work = move |connection: &Connection| {
                started.send(()).unwrap();
                // An error: the sender was dropped.
                let _ = released.recv();
                insert(1)(connection)
            };
            database.write(Capacity::MayGrow, work).await
        })
    };
    spawn_blocking(move || has_started.recv().unwrap()).await.unwrap();
    release_then(release, slow).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1]);
}

/// The log grows by the pages that the jobs change together, not by those of one commit per job.
#[tokio::test]
async fn waiting_jobs_share_a_commit() {
    const JOBS: u64 = 100;
    const FRAME_BYTES: u64 = 24 + 4096;
    let (folder, path) = folder();
    let database = std::sync::Arc::new(open(&path).await);
    let log = folder.path().join("test.db-wal");
    checkpoint(&path);
    let held = hold(&database);
    let mut jobs = JoinSet::new();
    for n in 0..100 {
        let database = std::sync::Arc::clone(&database);
        jobs.spawn(async move { add(&database, n).await });
    }
    // On this one thread each task gets as far as its wait.
    for _ in 0..JOBS {
        tokio::task::yield_now().await;
    }
    drop(held);
    while let Some(done) = jobs.join_next().await {
        done.unwrap().unwrap();
    }
    let frames = log.metadata().unwrap().len() / FRAME_BYTES;
    assert!((1..JOBS / 2).contains(&frames), "{frames} pages in the log for {JOBS} jobs");
}

#[tokio::test]
async fn dropping_the_database_commits_queued_jobs() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    for n in 0..1000 {
        database.write_later(Capacity::MayGrow, insert(n), |error| panic!("{error:?}")).unwrap();
    }
    drop(database);
    let database = open(&path).await;
    assert!(numbers(&database).await.unwrap().into_iter().eq(0..1000));
}

#[tokio::test]
async fn full_queue_refuses_write_later() {
    let (_folder, path) = folder();
    let database = open_with(&path, |settings| settings.with_queue_length(2)).await;
    let held = hold(&database);
    let (failed, failures) = mpsc::channel();
    let write_later = |n| {
        let failed = failed.clone();
        database.write_later(Capacity::MayGrow, insert(n), move |error| failed.send(error).unwrap())
    };
    write_later(1).unwrap();
    write_later(2).unwrap();
    assert_eq!(write_later(3).unwrap_err().kind(), ErrorKind::QueueFull);
    drop(held);
    add(&database, 4).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [1, 2, 4]);
    assert!(failures.try_recv().is_err(), "the refused write has told its caller already");
}

/// A nearly full file has the jobs sorted by their capacity.
#[tokio::test]
async fn jobs_of_one_capacity_keep_their_order_in_a_nearly_full_file() {
    let (_folder, path) = folder();
    let database = open_with(&path, |settings| settings.with_max_bytes(100_000)).await;
    let held = hold(&database);
    for n in 0..50 {
        let capacity = if n % 2 == 0 { Capacity::MayGrow } else { Capacity::NotNeeded };
        database.write_later(capacity, insert(n), |error| panic!("{error:?}")).unwrap();
    }
    drop(held);
    add(&database, 50).await.unwrap();
    let written = numbers(&database).await.unwrap();
    assert!(written[..25].iter().copied().eq((1..50).step_by(2)), "{written:?}");
    assert!(written[25..].iter().copied().eq((0..=50).step_by(2)), "{written:?}");
}

#[tokio::test]
async fn queued_job_of_a_dropped_call_does_not_run() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    let held = hold(&database);
    {
        let dropped = add(&database, 1);
        tokio::pin!(dropped);
        assert!(is_pending(dropped).await, "it waits for the writer");
    }
    drop(held);
    add(&database, 2).await.unwrap();
    assert_eq!(numbers(&database).await.unwrap(), [2]);
}

/// Polls once. Returns whether the future is still pending.
async fn is_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(future.as_mut().poll(context).is_pending())
    })
    .await
}
