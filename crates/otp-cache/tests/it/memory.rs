//! The memory backend.

use std::sync::Arc;

use otp_cache::conformance;
use otp_cache::memory::MemoryStore;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    conformance::run(|| async { MemoryStore::new() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_store_for_all_clauses_conforms() {
    let store = Arc::new(MemoryStore::new());
    conformance::run(|| async { Arc::clone(&store) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_box_conforms() {
    conformance::run(|| async { Box::new(MemoryStore::new()) }).await;
}

#[tokio::test]
async fn full_means_refuse() {
    for capacity in [1, 10, 1_000] {
        let store = MemoryStore::with_capacity(capacity as usize);
        conformance::clause_8_full_means_refuse(store, capacity).await;
    }
}
