//! The SQLite backend.

use std::sync::Arc;

use otp_cache::conformance;
use otp_cache::sqlite::SqliteStore;
use tempfile::TempDir;

async fn open(folder: &TempDir) -> SqliteStore {
    SqliteStore::open(folder.path().join("otp.db")).await.expect("a fresh folder")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(open(&folder).await);
    conformance::run(|| async { Arc::clone(&store) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_on_one_file_conform() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stores = [Arc::new(open(&folder).await), Arc::new(open(&folder).await)];
    conformance::run_shared(|| async { stores.to_vec() }).await;
}

#[tokio::test]
async fn survives_reopening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    conformance::survives_reopening(|| open(&folder)).await;
}
