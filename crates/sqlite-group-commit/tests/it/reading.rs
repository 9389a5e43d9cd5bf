//! Reads next to the writer.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use sqlite_group_commit::{ErrorKind, QUEUE_TIMEOUT};

use crate::support::{add, folder, hold, insert, numbers, open};

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

#[tokio::test]
async fn read_that_waited_too_long_for_its_turn_fails() {
    let (_folder, path) = folder();
    let database = Arc::new(open(&path).await);
    let (started, starts) = mpsc::channel();
    let (releases, slow): (Vec<_>, Vec<_>) = (0..8)
        .map(|_| {
            let (release, released) = mpsc::channel::<()>();
            let (started, database) = (started.clone(), Arc::clone(&database));
            let read = tokio::spawn(async move {
                let work = move |_: &rusqlite::Connection| {
                    started.send(()).unwrap();
                    // An error: the sender was dropped.
                    let _ = released.recv();
                    Ok(())
                };
                database.read(work).await
            });
            (release, read)
        })
        .unzip();
    let running = tokio::task::spawn_blocking(move || starts.iter().take(8).count());
    assert_eq!(running.await.unwrap(), 8);
    tokio::time::pause();
    let late = async {
        let (late, ()) = tokio::join!(numbers(&database), async {
            tokio::time::advance(QUEUE_TIMEOUT + Duration::from_millis(1)).await;
            drop(releases);
        });
        late
    };
    assert_eq!(late.await.unwrap_err().kind(), ErrorKind::QueueTimeout);
    for read in slow {
        read.await.unwrap().unwrap();
    }
    assert_eq!(numbers(&database).await.unwrap(), [] as [i64; 0]);
}
