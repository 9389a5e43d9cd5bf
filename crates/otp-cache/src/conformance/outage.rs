//! Making a backend fail on purpose.

use std::time::Duration;

use async_trait::async_trait;

/// Makes the backend of a store fail, for the clauses on failing: a server that is stopped, a file
/// that is held, a network that is cut.
#[async_trait]
pub trait Outage: Send + Sync {
    /// From now on no call that changes something can succeed.
    async fn begin(&self);

    /// From now on nothing stands in the way.
    async fn end(&self);
}

/// Waits until the store works again: a foreign process has no other way to tell.
///
/// # Panics
///
/// When it does not within ten seconds.
pub(super) async fn over(works: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if works().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the store does not recover by itself");
}
