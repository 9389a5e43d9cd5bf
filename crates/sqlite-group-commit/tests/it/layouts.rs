//! New, older, newer and foreign files.

use std::{fs, path::Path};

use rusqlite::Connection;
use sqlite_group_commit::{Database, Error, ErrorKind, FileSettings, Layout};

use crate::support::{LAYOUT, add, checkpoint, folder, open};

const MIGRATIONS: &[&str] =
    &["CREATE TABLE number (n INTEGER NOT NULL) STRICT", "ALTER TABLE number ADD COLUMN note TEXT"];

const NEXT: Layout = Layout::new(0x5445_5354, MIGRATIONS);

async fn open_as(path: &Path, layout: Layout) -> Result<Database, Error> {
    Database::open(FileSettings::new(path, layout)).await
}

async fn columns(database: &Database) -> Vec<String> {
    let names = database.read(|connection| {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info('number')")?;
        statement.query_map([], |row| row.get(0))?.collect()
    });
    names.await.unwrap()
}

#[tokio::test]
async fn new_file_gets_all_migrations() {
    let (_folder, path) = folder();
    let database = open_as(&path, NEXT).await.unwrap();
    assert_eq!(columns(&database).await, ["n", "note"]);
}

#[tokio::test]
async fn older_file_gets_the_migrations_that_it_lacks() {
    let (_folder, path) = folder();
    let database = open(&path).await;
    add(&database, 1).await.unwrap();
    drop(database);
    for _ in 0..2 {
        let database = open_as(&path, NEXT).await.unwrap();
        assert_eq!(columns(&database).await, ["n", "note"]);
        assert_eq!(crate::support::numbers(&database).await.unwrap(), [1]);
    }
}

#[tokio::test]
async fn failed_migration_leaves_the_file_empty() {
    const BAD: Layout = Layout::new(0x5445_5354, &["CREATE TABLE number (n INTEGER)", "no SQL"]);
    let (_folder, path) = folder();
    let error = open_as(&path, BAD).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    open_as(&path, NEXT).await.unwrap();
}

#[tokio::test]
async fn newer_file_is_refused_and_unchanged() {
    let (_folder, path) = folder();
    drop(open_as(&path, NEXT).await.unwrap());
    checkpoint(&path);
    let before = fs::read(&path).unwrap();
    let error = open_as(&path, LAYOUT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownLayout, "{error:?}");
    checkpoint(&path);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn file_of_another_program_is_refused() {
    let (_folder, path) = folder();
    drop(open_as(&path, Layout::new(1, MIGRATIONS)).await.unwrap());
    let error = open_as(&path, LAYOUT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ForeignFile, "{error:?}");
}

#[tokio::test]
async fn file_with_tables_but_without_a_mark_is_refused() {
    let (_folder, path) = folder();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let error = open_as(&path, LAYOUT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ForeignFile, "{error:?}");
}

#[tokio::test]
async fn file_that_is_no_database_is_refused_and_unchanged() {
    let (_folder, path) = folder();
    fs::write(&path, [7; 8192]).unwrap();
    let error = open_as(&path, LAYOUT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), [7; 8192]);
}
