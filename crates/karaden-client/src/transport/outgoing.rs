//! The body of a request, which shows whether a connection took the request.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// No connection has taken the request.
const WAITING: u8 = 0;
/// A connection took the request: any part of it may have been written.
const TAKEN: u8 = 1;
/// The call ended first: no connection may write the request any more.
const WITHDRAWN: u8 = 2;

/// The state of a request on its way to a connection, shared by its body and its call.
///
/// ```text
///            ┌─ a connection asks for the body ─▶ taken       its outcome may be unknown
///  waiting ──┤
///            └─ the call ends without a response ─▶ withdrawn   not sent, now or later
/// ```
///
/// One compare-and-exchange decides. Without it, a call could report *not sent* in the moment in
/// which a connection on another thread takes the request.
#[derive(Clone, Debug, Default)]
pub(super) struct Handover(Arc<AtomicU8>);

impl Handover {
    /// Withdraws the request if no connection has taken it, and returns whether it did.
    pub(super) fn withdraw(&self) -> bool {
        self.change(WITHDRAWN)
    }

    /// Notes that a connection takes the request. Returns `false` if it was withdrawn.
    fn take(&self) -> bool {
        self.change(TAKEN) || self.0.load(Relaxed) == TAKEN
    }

    fn is_withdrawn(&self) -> bool {
        self.0.load(Relaxed) == WITHDRAWN
    }

    /// Leaves the state `WAITING`, which happens once.
    fn change(&self, to: u8) -> bool {
        // `Relaxed` is enough: the state alone decides, and it guards no other memory.
        self.0.compare_exchange(WAITING, to, Relaxed, Relaxed).is_ok()
    }
}

/// A body that notes when a connection first asks for it.
///
/// hyper (1.12) asks `is_end_stream` when a connection takes the request from its queue, before it
/// encodes the head, in HTTP/1.1 (`proto/h1/dispatch.rs`) and in HTTP/2 (`proto/h2/client.rs`).
/// Nothing between this crate and the connection asks it. `size_hint` would prove nothing: the
/// layer for redirects asks that first.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Bytes,
    is_read: bool,
    handover: Handover,
}

impl Outgoing {
    pub(super) fn new(bytes: Bytes) -> (Self, Handover) {
        let handover = Handover::default();
        (Self { bytes, is_read: false, handover: handover.clone() }, handover)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Withdrawn;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Withdrawn>>> {
        // hyper reads the body before it flushes the head, and drops the connection on an error.
        if !self.handover.take() {
            return Poll::Ready(Some(Err(Withdrawn)));
        }
        self.is_read = true;
        let bytes = std::mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.handover.take();
        // Not yet the end of an empty body: hyper then states its length, which servers want of a POST.
        self.is_read
    }

    fn size_hint(&self) -> SizeHint {
        // Without a length hyper has to read the body, even an empty one, and meets the error above.
        if self.handover.is_withdrawn() {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// The error of a body whose call has ended.
#[derive(Debug)]
pub(super) struct Withdrawn;

impl fmt::Display for Withdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call has ended")
    }
}

impl std::error::Error for Withdrawn {}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_keeps_its_length_and_its_bytes() {
        for bytes in ["", "to=1"] {
            let (mut body, handover) = Outgoing::new(Bytes::from_static(bytes.as_bytes()));
            assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64));
            assert!(!body.is_end_stream(), "the length of an empty body has to be stated");
            let frame = body.frame().await.map(|frame| frame.expect("not withdrawn").into_data());
            let expected = (!bytes.is_empty()).then(|| Bytes::from_static(bytes.as_bytes()));
            assert_eq!(frame.map(|data| data.expect("data")), expected);
            assert!(body.is_end_stream());
            assert!(!handover.withdraw());
        }
    }

    #[test]
    fn a_request_is_withdrawn_until_a_connection_asks_for_its_body() {
        let (body, handover) = Outgoing::new(Bytes::from_static(b"to=1"));
        let _asked_by_the_layer_for_redirects = body.size_hint();
        assert!(handover.withdraw());

        let (body, handover) = Outgoing::new(Bytes::from_static(b"to=1"));
        assert!(!body.is_end_stream());
        assert!(!handover.withdraw());
    }

    #[tokio::test]
    async fn a_withdrawn_body_has_no_length_and_fails() {
        for bytes in ["", "to=1"] {
            let (mut body, handover) = Outgoing::new(Bytes::from_static(bytes.as_bytes()));
            assert!(handover.withdraw());
            assert!(!body.is_end_stream());
            assert_eq!(body.size_hint().exact(), None);
            assert!(matches!(body.frame().await, Some(Err(Withdrawn))));
        }
    }
}
