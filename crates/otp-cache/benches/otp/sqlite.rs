//! The SQLite backend beside rusqlite used by hand, both flushed to disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use otp_cache::ChallengeStore;
use otp_cache::sqlite::SqliteStore;
use otp_core::{Policy, SubjectRecord};
use rusqlite::{Connection, OptionalExtension, params};

use crate::report::{Goal, Report, median};
use crate::setup::{Login, logins, now, per_second, timed};

/// Calls in flight, and statements in one transaction by hand.
const IN_FLIGHT: u64 = 64;

static NEXT: AtomicU64 = AtomicU64::new(1 << 50);

fn fresh(count: u64) -> Vec<Login> {
    logins(NEXT.fetch_add(count, Ordering::Relaxed), count)
}

pub(crate) fn run(report: &mut Report, is_quick: bool) {
    let rounds = if is_quick { 3 } else { 9 };
    let cycles = if is_quick { 100 } else { 400 };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let opened = runtime.block_on(SqliteStore::open(folder.path().join("ours.db")));
    let store = Arc::new(opened.expect("a fresh folder"));
    let by_hand = by_hand(&folder.path().join("by-hand.db"));

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut alone, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        theirs.push(grouped_by_hand(&by_hand, cycles));
        ours.push(in_flight(&runtime, &store, cycles));
        bare.push(one_bare_commit(&by_hand, cycles / 4));
        alone.push(one_alone(&runtime, &store, cycles / 4));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    report.row("rusqlite: 64 calls a transaction, by hand", theirs / 1e3, "k/s", Goal::None);
    report.row("sqlite: calls, 64 in flight", ours / 1e3, "k/s", Goal::None);
    let name = "sqlite: 64 in flight, to grouped by hand";
    report.row(name, ours / theirs, "times", Goal::AtLeast(0.5));
    let (alone, bare) = (median(alone), median(bare));
    report.row("rusqlite: one bare commit", bare, "us", Goal::None);
    report.row("sqlite: one call alone", alone, "us", Goal::None);
    report.row("sqlite: one alone, to a bare commit", alone / bare, "times", Goal::AtMost(1.2));
}

/// The same table and the same safety, without our store.
fn by_hand(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a fresh folder");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;
             CREATE TABLE subject (key BLOB PRIMARY KEY NOT NULL, record BLOB NOT NULL) STRICT,
             WITHOUT ROWID;",
        )
        .expect("a fresh file");
    connection
}

/// Reads a row and writes or deletes it: what each call of a cycle does.
fn touch(connection: &Connection, key: &[u8], record: Option<&[u8]>) {
    let mut select = connection
        .prepare_cached("SELECT record FROM subject WHERE key = ?1")
        .expect("a valid statement");
    let _: Option<Vec<u8>> = select.query_row([key], |row| row.get(0)).optional().expect("reads");
    match record {
        Some(record) => connection
            .prepare_cached(
                "INSERT INTO subject (key, record) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET record = excluded.record",
            )
            .expect("a valid statement")
            .execute(params![key, record])
            .expect("writes"),
        None => connection
            .prepare_cached("DELETE FROM subject WHERE key = ?1")
            .expect("a valid statement")
            .execute([key])
            .expect("deletes"),
    };
}

fn transaction(connection: &Connection, work: impl FnOnce()) {
    let run = |sql| connection.prepare_cached(sql).and_then(|mut s| s.execute([])).expect("runs");
    run("BEGIN IMMEDIATE");
    work();
    run("COMMIT");
}

/// Calls per second: each of 64 subjects is opened, attempted and consumed, 64 calls a commit.
fn grouped_by_hand(connection: &Connection, cycles: u64) -> f64 {
    let mut record = SubjectRecord::new();
    let logins = fresh(IN_FLIGHT);
    let _ = record.open(logins[0].new, &Policy::default(), now()).expect("an empty record");
    let record = record.to_bytes();
    let took = timed(|| {
        for _ in 0..cycles {
            for value in [Some(record.as_slice()), Some(record.as_slice()), None] {
                transaction(connection, || {
                    for login in &logins {
                        touch(connection, login.subject.as_bytes(), value);
                    }
                });
            }
        }
    });
    per_second(3 * IN_FLIGHT * cycles, took.1)
}

fn in_flight(runtime: &tokio::runtime::Runtime, store: &Arc<SqliteStore>, cycles: u64) -> f64 {
    let prepared: Vec<_> = (0..IN_FLIGHT).map(|_| fresh(cycles)).collect();
    let took = timed(|| {
        runtime.block_on(async {
            let tasks: Vec<_> = prepared
                .into_iter()
                .map(|logins| tokio::spawn(cycle(Arc::clone(store), logins)))
                .collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    });
    per_second(3 * IN_FLIGHT * cycles, took.1)
}

async fn cycle(store: Arc<SqliteStore>, logins: Vec<Login>) {
    let policy = Policy::default();
    for Login { subject, new, proof } in logins {
        let opened = store.open(subject, new, &policy, now()).await;
        assert!(opened.is_ok_and(|opened| opened.is_ok()));
        let attempt = store.begin_attempt(subject, new.id, &policy, now()).await;
        assert!(attempt.is_ok_and(|attempt| attempt.is_ok()));
        assert!(store.consume(proof, now()).await.is_ok_and(|consumed| consumed.is_ok()));
    }
}

/// Microseconds of one transaction with one read and one write.
fn one_bare_commit(connection: &Connection, cycles: u64) -> f64 {
    let logins = fresh(1);
    let record = [7; 100];
    let took = timed(|| {
        for _ in 0..cycles {
            for value in [Some(record.as_slice()), Some(record.as_slice()), None] {
                let key = logins[0].subject;
                transaction(connection, || touch(connection, key.as_bytes(), value));
            }
        }
    });
    1e6 / per_second(3 * cycles, took.1)
}

fn one_alone(runtime: &tokio::runtime::Runtime, store: &Arc<SqliteStore>, cycles: u64) -> f64 {
    let logins = fresh(cycles);
    let took = timed(|| runtime.block_on(cycle(Arc::clone(store), logins)));
    1e6 / per_second(3 * cycles, took.1)
}
