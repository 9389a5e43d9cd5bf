//! Collecting the body of a response, up to a limit.

use bytes::{Bytes, BytesMut};

use super::contract::{TransportError, TransportErrorKind};

/// A body that comes in chunks. A single chunk, the usual case, is not copied.
#[derive(Debug)]
pub(super) struct Bounded {
    limit: usize,
    first: Bytes,
    /// The whole body, from the second chunk on.
    whole: Option<BytesMut>,
}

impl Bounded {
    /// Starts a body of `announced` bytes, if the response states its length.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::TooLarge`] if that is more than `limit`.
    pub(super) fn new(limit: usize, announced: Option<u64>) -> Result<Self, TransportError> {
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(TransportError::new(TransportErrorKind::TooLarge));
        }
        Ok(Self { limit, first: Bytes::new(), whole: None })
    }

    /// Adds a chunk.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::TooLarge`] as soon as there is more than the limit.
    pub(super) fn push(&mut self, chunk: Bytes) -> Result<(), TransportError> {
        if self.len() + chunk.len() > self.limit {
            return Err(TransportError::new(TransportErrorKind::TooLarge));
        }
        if self.len() == 0 {
            self.first = chunk;
        } else {
            let first = &mut self.first;
            let whole = self.whole.get_or_insert_with(|| BytesMut::from(std::mem::take(first)));
            whole.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// Returns the length so far.
    pub(super) fn len(&self) -> usize {
        self.whole.as_ref().map_or(self.first.len(), BytesMut::len)
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.whole.map_or(self.first, BytesMut::freeze)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(limit: usize, announced: Option<u64>, chunks: &[&'static str]) -> Option<Bytes> {
        let mut body = Bounded::new(limit, announced).ok()?;
        for chunk in chunks {
            body.push(Bytes::from_static(chunk.as_bytes())).ok()?;
        }
        assert_eq!(body.len(), chunks.concat().len(), "{chunks:?}");
        Some(body.into_bytes())
    }

    #[test]
    fn chunks_are_joined_up_to_the_exact_limit() {
        for chunks in [&["abcd"][..], &["ab", "cd"], &["", "a", "", "bcd"], &["a", "b", "c", "d"]] {
            assert_eq!(collect(4, Some(4), chunks).as_deref(), Some(&b"abcd"[..]), "{chunks:?}");
            assert_eq!(collect(4, None, chunks).as_deref(), Some(&b"abcd"[..]), "{chunks:?}");
            assert_eq!(collect(3, None, chunks), None, "{chunks:?}");
            assert_eq!(collect(3, Some(4), chunks), None, "{chunks:?}");
        }
        assert_eq!(collect(0, None, &[]).as_deref(), Some(&b""[..]));
        assert_eq!(collect(0, Some(0), &[]).as_deref(), Some(&b""[..]));
    }
}
