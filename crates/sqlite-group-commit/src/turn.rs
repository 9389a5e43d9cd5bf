//! How long a call waits until its work begins, and which side decides that.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::time::{Duration, Instant, timeout_at};

use crate::error::Error;

/// How long a call may wait for its turn: 5 s. After that it fails, and its work never runs.
///
/// Without this limit, a call waits for as long as the jobs before it take, and each of them may wait for
/// another process that holds the file.
pub const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// The turn of one call. Either the thread takes it and runs the work, or the caller takes it back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn(Arc<AtomicBool>);

impl Turn {
    /// Takes the turn. Returns `false` if the other side has it.
    pub(crate) fn take(&self) -> bool {
        // `Relaxed`: one of two swaps is the first, whatever the order. What the work needs comes
        // through the queue, and its outcome through the channel.
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// Waits for the `outcome` of a call. Takes the turn back if the work has not begun by `deadline`.
    pub(crate) async fn outcome<F>(
        &self,
        deadline: Instant,
        mut outcome: F,
    ) -> Result<F::Output, Error>
    where
        F: Future + Unpin,
    {
        match timeout_at(deadline, &mut outcome).await {
            Ok(outcome) => Ok(outcome),
            Err(_elapsed) if self.take() => Err(Error::queue_timeout()),
            Err(_elapsed) => Ok(outcome.await),
        }
    }
}
