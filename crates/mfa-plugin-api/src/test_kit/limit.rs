//! A limit on waiting that needs no runtime.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{RecvTimeoutError, channel},
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

/// How long a call may wait in real time. Waits on a paused timer take none.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Returns the result of `call`, or `None` if it does not end in time.
pub(super) async fn ended<T>(call: impl Future<Output = T>) -> Option<T> {
    within(LONGEST_WAIT, call).await
}

#[derive(Default)]
struct Shared {
    is_over: bool,
    waker: Option<Waker>,
}

/// Returns the result of `call`, or `None` if it takes longer than `limit` in real time.
///
/// The limit is a thread's: a test may pause the timer of its runtime, and this crate has no other timer.
pub(super) async fn within<T>(limit: Duration, call: impl Future<Output = T>) -> Option<T> {
    let shared = Arc::new(Mutex::new(Shared::default()));
    // Dropped at the end of this call, which ends the thread.
    let (_running, ended) = channel::<()>();
    let overdue = Arc::clone(&shared);
    thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let mut shared = overdue.lock().unwrap_or_else(PoisonError::into_inner);
            shared.is_over = true;
            if let Some(waker) = shared.waker.take() {
                waker.wake();
            }
        }
    });
    let mut call = pin!(call);
    poll_fn(|context| {
        if let Poll::Ready(value) = call.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.is_over {
            return Poll::Ready(None);
        }
        shared.waker = Some(context.waker().clone());
        Poll::Pending
    })
    .await
}
