//! Reads next to the writer.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use sqlite_group_commit::{Database, ErrorKind, QUEUE_TIMEOUT};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time,
};

use crate::support::{add, folder, hold, insert, numbers, open, release_then};

#[tokio::test]
async fn read_does_not_wait_for_the_writer() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    add(&database, 1).await.unwrap();
    let held = hold(&database);
    assert_eq!(numbers(&database).await.unwrap(), [1]);
    drop(held);
}

#[tokio::test]
async fn read_cannot_write() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    assert!(database.read(insert(1)).await.is_err());
    assert_eq!(numbers(&database).await.unwrap(), [] as [i64; 0]);
}

#[tokio::test]
async fn failed_read_is_an_error_of_its_job() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    let error = database.read(|connection| connection.execute_batch("no SQL")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobFailed, "{error:?}");
    assert_eq!(numbers(&database).await.unwrap(), [] as [i64; 0]);
}

/// Begins a read that lasts until the sender is dropped.
async fn slow_read(
    database: &Arc<Database>,
) -> (mpsc::Sender<()>, JoinHandle<Result<(), sqlite_group_commit::Error>>) {
    let (started, has_started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let database = Arc::clone(database);
    let read = tokio::spawn(async move {
        let work = move |_: &rusqlite::Connection| {
            started.send(()).unwrap();
            // An error: the sender was dropped.
            let _ = released.recv();
            Ok(())
        };
        database.read(work).await
    });
    spawn_blocking(move || has_started.recv().unwrap()).await.unwrap();
    (release, read)
}

/// A read that fails when its time is over, although nothing is released.
async fn is_refused_in_time(database: &Database) {
    time::pause();
    // The clock does not go on by itself while a thread for blocking work is busy.
    let late = async {
        let (late, ()) = tokio::join!(
            time::timeout(QUEUE_TIMEOUT + Duration::from_millis(9), numbers(database)),
            async {
                time::advance(QUEUE_TIMEOUT + Duration::from_millis(1)).await;
                time::advance(Duration::from_millis(10)).await;
            }
        );
        late
    };
    let late = late.await.expect("it waits for no longer than that").unwrap_err();
    assert_eq!(late.kind(), ErrorKind::QueueTimeout, "{late:?}");
    time::resume();
}

#[tokio::test]
async fn read_that_waits_too_long_for_a_connection_fails() {
    let (_folder, path) = folder();
    let database = Arc::new(open(&path).await);
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(slow_read(&database).await);
    }
    is_refused_in_time(&database).await;
    for (release, read) in slow {
        drop(release);
        read.await.unwrap().unwrap();
    }
    assert_eq!(numbers(&database).await.unwrap(), [] as [i64; 0]);
}

#[test]
fn read_that_waits_too_long_for_a_thread_fails_and_never_runs() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (_folder, path) = folder();
        let database = Arc::new(open(&path).await);
        let (release, released) = mpsc::channel::<()>();
        let busy = spawn_blocking(move || released.recv().is_err());
        is_refused_in_time(&database).await;
        drop(release);
        assert!(busy.await.unwrap());
        assert_eq!(numbers(&database).await.unwrap(), [] as [i64; 0]);
    });
}

#[tokio::test]
async fn read_that_has_begun_is_not_taken_back() {
    let (_folder, path) = folder();
    let database = Arc::new(open(&path).await);
    let (release, read) = slow_read(&database).await;
    release_then(release, read).await.unwrap();
}
