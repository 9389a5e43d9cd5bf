//! Whatever bytes come over a connection in answer to a request: no panic, no more comes out than went
//! in, and where the network cuts them makes no difference.
//!
//! An input is a line with the lengths of the pieces, each a byte, over and over, and the bytes
//! themselves behind it. The files of the crate are included as they are, since the parser is no part of
//! its interface.
#![no_main]

#[path = "../../crates/karaden-client/src/transport/direct/framing.rs"]
mod framing;
#[path = "../../crates/karaden-client/src/transport/direct/message.rs"]
#[expect(dead_code, reason = "the half that writes requests")]
mod message;

use bytes::BytesMut;
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;

use crate::{
    framing::{Framing, Piece},
    message::{Head, HeadReader},
};

/// What was read, as far as it came.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    head: Option<(u16, HeaderMap, bool)>,
    body: Vec<u8>,
    is_complete: bool,
    is_malformed: bool,
    /// What follows a complete answer.
    rest: Vec<u8>,
}

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (pieces, text) = input.split_at(end);
    let text = text.strip_prefix(b"\n").unwrap_or(text);
    let whole = read(text, &[]);
    let in_pieces = read(text, pieces);
    assert_eq!(whole, in_pieces);
    assert_eq!(whole, read(text, &[1]));
    assert!(whole.body.len() + whole.rest.len() <= text.len());
    if let Some((status, ..)) = &whole.head {
        assert!(!(100..200).contains(status) && *status < 1000);
        assert!(whole.is_malformed || text.ends_with(&whole.rest));
    } else {
        assert!(whole.body.is_empty() && !whole.is_complete);
    }
});

/// Reads `text` as it comes in pieces of these lengths, over and over; all at once without any.
fn read(text: &[u8], pieces: &[u8]) -> Answer {
    let mut lengths = pieces.iter().map(|length| usize::from(*length).max(1)).cycle();
    let (mut answer, mut input, mut left) = (Answer::default(), BytesMut::new(), text);
    let (mut reader, mut framing) = (HeadReader::default(), None);
    loop {
        match advance(&mut reader, &mut framing, &mut input, &mut answer) {
            None => answer.is_malformed = true,
            Some(Piece::Body(bytes)) => {
                assert!(!bytes.is_empty());
                answer.body.extend_from_slice(&bytes);
                continue;
            }
            Some(Piece::End) => {
                answer.is_complete = true;
                answer.rest = [&input[..], left].concat();
            }
            Some(Piece::More) if !left.is_empty() => {
                let count = lengths.next().unwrap_or(left.len()).min(left.len());
                let (now, later) = left.split_at(count);
                input.extend_from_slice(now);
                left = later;
                continue;
            }
            Some(Piece::More) => {}
        }
        return answer;
    }
}

/// The next step with what came in so far; `None` if it is no HTTP.
fn advance(
    reader: &mut HeadReader,
    framing: &mut Option<Framing>,
    input: &mut BytesMut,
    answer: &mut Answer,
) -> Option<Piece> {
    if framing.is_none() {
        let Some(head) = reader.next(input).ok()? else { return Some(Piece::More) };
        let Head { status, headers, framing: of_body, keeps_open } = head;
        // Whoever says how long the body is, says the truth about it.
        assert!(of_body.announced().is_none() || !of_body.ends_with_connection());
        assert!(!(keeps_open && of_body.ends_with_connection()));
        answer.head = Some((status, headers, keeps_open));
        *framing = Some(of_body);
    }
    framing.as_mut()?.next(input).ok()
}
