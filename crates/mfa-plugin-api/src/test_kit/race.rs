//! Calls at once, without a runtime.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

/// Runs all calls at once on this task, each polled in turn, and returns what they returned.
pub(super) async fn all<F: Future>(calls: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut calls: Vec<Pin<Box<F>>> = calls.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<F::Output>> = calls.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_over = true;
        for (call, result) in calls.iter_mut().zip(&mut results) {
            if result.is_some() {
                continue;
            }
            match call.as_mut().poll(context) {
                Poll::Ready(value) => *result = Some(value),
                Poll::Pending => is_over = false,
            }
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

/// Runs both calls at once on this task, and returns what they returned. The first one is polled `lead` times
/// before the second one starts.
pub(super) async fn race<T>(
    lead: usize,
    first: impl Future<Output = T>,
    second: impl Future<Output = T>,
) -> (T, T) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut two) = (None, None);
    let mut polls = 0;
    poll_fn(move |context| {
        if one.is_none() {
            one = match first.as_mut().poll(context) {
                Poll::Ready(value) => Some(value),
                Poll::Pending => None,
            };
        }
        if one.is_none() && polls < lead {
            polls += 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if two.is_none() {
            two = match second.as_mut().poll(context) {
                Poll::Ready(value) => Some(value),
                Poll::Pending => None,
            };
        }
        match (one.take(), two.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            unfinished => {
                (one, two) = unfinished;
                Poll::Pending
            }
        }
    })
    .await
}
