//! Making a backend fail on purpose.

use std::time::Duration;

use async_trait::async_trait;

/// Makes the backend of a store fail, for the clauses about failures: a stopped server, a locked file, a cut
/// network. For the clauses about time, it makes the backend silent: a paused server, a held lock.
#[async_trait]
pub trait Outage: Send + Sync {
    /// Makes every call that changes something fail, or stay without a reply.
    async fn begin(&self);

    /// Ends the outage.
    async fn end(&self);
}

/// Waits until the store works again. It polls, because another process cannot notify the test.
///
/// # Panics
///
/// If it does not recover within ten seconds.
pub(super) async fn over(works: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if works().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the store does not recover automatically");
}
