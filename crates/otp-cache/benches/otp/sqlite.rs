//! The SQLite backend beside rusqlite used by hand, both flushed to disk.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use otp_cache::{ChallengeStore, sqlite::SqliteStore};
use otp_core::{Policy, SubjectRecord};
use rusqlite::{Connection, OptionalExtension, params};

use crate::setup::{Login, logins, now, per_second, timed};
use testkit::measure::{Goal, Report, Samples};

/// Calls in flight, and statements in one transaction by hand.
const IN_FLIGHT: u64 = 64;

/// Cycles of every task in one round, and of the one alone. Rounds are short and many, because the
/// speed of a disk changes from one second to the next.
const GROUPED_CYCLES: u64 = 50;
const SINGLE_CYCLES: u64 = 50;

static NEXT: AtomicU64 = AtomicU64::new(1 << 50);

fn fresh(count: u64) -> Vec<Login> {
    logins(NEXT.fetch_add(count, Ordering::Relaxed), count)
}

pub(crate) fn run(report: Report, is_quick: bool) {
    let rounds = if is_quick { 9 } else { 41 };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let opened = runtime.block_on(SqliteStore::open(folder.path().join("ours.db")));
    let store = Arc::new(opened.expect("a fresh folder"));
    let by_hand = by_hand(&folder.path().join("by-hand.db"));

    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let (mut alone, mut bare) = (Samples::default(), Samples::default());
    for _ in 0..rounds {
        theirs.push(grouped_by_hand(&by_hand, GROUPED_CYCLES));
        ours.push(in_flight(&runtime, &store, GROUPED_CYCLES));
        bare.push(one_bare_commit(&by_hand, SINGLE_CYCLES));
        alone.push(one_alone(&runtime, &store, SINGLE_CYCLES));
    }
    let name = "rusqlite: 64 calls a transaction, by hand";
    report.row(name, &theirs.scaled(1e-3), "k/s", Goal::None);
    report.row("sqlite: calls, 64 in flight", &ours.scaled(1e-3), "k/s", Goal::None);
    let name = "sqlite: 64 in flight, to grouped by hand";
    report.row(name, &ours.to(&theirs), "times", Goal::AtLeast(0.5));
    report.row("rusqlite: one bare commit", &bare, "us", Goal::None);
    report.row("sqlite: one call alone", &alone, "us", Goal::None);
    let name = "sqlite: one alone, to a bare commit";
    report.row(name, &alone.to(&bare), "times", Goal::AtMost(1.2));
}

/// The same table and the same safety, without our store. What it writes is what the store writes:
/// SQLite skips a commit that changes no byte.
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

/// What a cycle leaves in the file, step by step: a row, the same row counted up, and none.
type Steps = [Option<Vec<u8>>; 3];

fn steps(login: &Login) -> Steps {
    let policy = Policy::default();
    let mut record = SubjectRecord::new();
    let _ = record.open(login.new, &policy, now()).expect("an empty record");
    let opened = record.to_bytes();
    let _ = record.begin_attempt(login.subject, login.new.id, &policy, now()).expect("the first");
    [Some(opened), Some(record.to_bytes()), None]
}

/// Calls per second: each of 64 subjects is opened, attempted and consumed, 64 calls a commit.
fn grouped_by_hand(connection: &Connection, cycles: u64) -> f64 {
    let prepared: Vec<_> = (0..cycles).map(|_| prepared(IN_FLIGHT)).collect();
    let took = timed(|| {
        for group in &prepared {
            for step in 0..3 {
                transaction(connection, || {
                    for (key, values) in group {
                        touch(connection, key, values[step].as_deref());
                    }
                });
            }
        }
    });
    per_second(3 * IN_FLIGHT * cycles, took.1)
}

/// Keys, and what the steps of a cycle leave under them.
fn prepared(count: u64) -> Vec<([u8; 16], Steps)> {
    fresh(count).iter().map(|login| (*login.subject.as_bytes(), steps(login))).collect()
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
    let prepared = prepared(cycles);
    let took = timed(|| {
        for (key, values) in &prepared {
            for value in values {
                transaction(connection, || touch(connection, key, value.as_deref()));
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
