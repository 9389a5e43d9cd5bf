//! Where the body of an answer ends (RFC 9112, section 6.3), and taking it from what comes in.

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use super::message::{MAX_HEAD_BYTES, MAX_HEADERS, Malformed};

/// The longest line that says how long a chunk is.
const MAX_CHUNK_LINE_BYTES: usize = 4096;

/// What tells the end of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// Each chunk says its own length.
    Chunked(Chunk),
    /// The end of the connection, which may also be an accident.
    UntilClose,
}

/// Where in a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Before the line with a length.
    Line,
    /// Within a chunk; so many bytes of it are still to come.
    Data(u64),
    /// After a chunk, before its end of line.
    End,
    /// After the last chunk.
    Trailers,
}

/// What the front of the input is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Body(Bytes),
    /// The body is complete.
    End,
    /// More has to come in.
    More,
}

impl Framing {
    /// How the body after this head is framed, and whether there is no doubt about it. If there is,
    /// no other request may follow on the connection.
    pub(super) fn of(
        status: u16,
        minor_version: u8,
        headers: &HeaderMap,
    ) -> Result<(Self, bool), Malformed> {
        if status == 204 || status == 304 {
            return Ok((Self::Length(0), true));
        }
        let length = length(headers)?;
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        let Some(coding) = codings.next() else {
            return Ok(length.map_or((Self::UntilClose, false), |n| (Self::Length(n), true)));
        };
        let chunked = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        if !chunked || codings.next().is_some() || minor_version == 0 {
            return Err(Malformed("the answer has a transfer coding that was not asked for"));
        }
        // Chunks win over a length; that both are there is how answers are smuggled.
        Ok((Self::Chunked(Chunk::Line), length.is_none()))
    }

    /// How long the body is, if that is known before it comes.
    pub(super) fn announced(&self) -> Option<u64> {
        match self {
            Self::Length(length) => Some(*length),
            _ => None,
        }
    }

    /// Takes what is there of the body from the front of `input`.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        match self {
            Self::Length(0) => Ok(Piece::End),
            Self::Length(left) => Ok(take(left, input)),
            Self::UntilClose if input.is_empty() => Ok(Piece::More),
            Self::UntilClose => Ok(Piece::Body(input.split().freeze())),
            Self::Chunked(chunk) => chunk.next(input),
        }
    }

    /// Whether the end of the connection is the end of the body.
    pub(super) fn ends_with_connection(&self) -> bool {
        *self == Self::UntilClose
    }
}

/// The one length that the answer says, however often it says it.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Malformed> {
    let mut all = headers
        .get_all(CONTENT_LENGTH)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b',').map(number));
    let Some(first) = all.next() else { return Ok(None) };
    if first.is_none() || all.any(|other| other != first) {
        return Err(Malformed("the answer does not say one length"));
    }
    Ok(first)
}

/// Digits and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// At most `left` bytes, which it makes less.
fn take(left: &mut u64, input: &mut BytesMut) -> Piece {
    if input.is_empty() {
        return Piece::More;
    }
    let count = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
    *left -= count as u64;
    Piece::Body(input.split_to(count).freeze())
}

impl Chunk {
    fn next(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        loop {
            *self = match self {
                Self::Line => match httparse::parse_chunk_size(input) {
                    Ok(httparse::Status::Complete((_, 0))) => {
                        skip_line(input);
                        Self::Trailers
                    }
                    Ok(httparse::Status::Complete((length, size))) => {
                        input.advance(length);
                        Self::Data(size)
                    }
                    Ok(httparse::Status::Partial) if input.len() < MAX_CHUNK_LINE_BYTES => {
                        return Ok(Piece::More);
                    }
                    _ => return Err(Malformed("the length of a chunk cannot be read")),
                },
                Self::Data(0) => Self::End,
                Self::Data(left) => return Ok(take(left, input)),
                Self::End => match &input[..] {
                    [b'\r', b'\n', ..] => {
                        input.advance(2);
                        Self::Line
                    }
                    [] | [b'\r'] => return Ok(Piece::More),
                    _ => return Err(Malformed("a chunk is longer than it says")),
                },
                Self::Trailers => return trailers(input),
            };
        }
    }
}

/// Drops the line with the length of the last chunk.
fn skip_line(input: &mut BytesMut) {
    let end = input.iter().position(|byte| *byte == b'\n').map_or(input.len(), |at| at + 1);
    input.advance(end);
}

/// Reads past the trailers, which say nothing that is needed.
fn trailers(input: &mut BytesMut) -> Result<Piece, Malformed> {
    let mut places = [httparse::EMPTY_HEADER; MAX_HEADERS];
    match httparse::parse_headers(input, &mut places) {
        Ok(httparse::Status::Complete((length, _))) => {
            input.advance(length);
            Ok(Piece::End)
        }
        Ok(httparse::Status::Partial) if input.len() < MAX_HEAD_BYTES => Ok(Piece::More),
        _ => Err(Malformed("what follows the last chunk cannot be read")),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(status: u16, minor: u8, headers: &[(&str, &str)]) -> Option<(Framing, bool)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a name");
            map.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        Framing::of(status, minor, &map).ok()
    }

    #[test]
    fn headers_tell_the_framing() {
        const LENGTH: &str = "content-length";
        const CODING: &str = "transfer-encoding";
        let chunked = || Framing::Chunked(Chunk::Line);
        type Row = (&'static [(&'static str, &'static str)], Option<(Framing, bool)>);
        let rows: [Row; 18] = [
            (&[], Some((Framing::UntilClose, false))),
            (&[(LENGTH, "7")], Some((Framing::Length(7), true))),
            (&[(LENGTH, "7"), (LENGTH, "7")], Some((Framing::Length(7), true))),
            (&[(LENGTH, "7, 7")], Some((Framing::Length(7), true))),
            (&[(LENGTH, "7"), (LENGTH, "8")], None),
            (&[(LENGTH, "7, 8")], None),
            (&[(LENGTH, "+7")], None),
            (&[(LENGTH, "-7")], None),
            (&[(LENGTH, "")], None),
            (&[(LENGTH, "7,")], None),
            (&[(LENGTH, "0x7")], None),
            (&[(LENGTH, "18446744073709551616")], None),
            (&[(CODING, "Chunked")], Some((chunked(), true))),
            (&[(CODING, "chunked"), (LENGTH, "7")], Some((chunked(), false))),
            (&[(CODING, "gzip, chunked")], None),
            (&[(CODING, "chunked"), (CODING, "chunked")], None),
            (&[(CODING, "identity")], None),
            (&[(CODING, "xchunked")], None),
        ];
        for (headers, expected) in rows {
            assert_eq!(of(200, 1, headers), expected, "{headers:?}");
        }
        assert_eq!(of(200, 0, &[(CODING, "chunked")]), None);
        assert_eq!(of(204, 1, &[(LENGTH, "7")]), Some((Framing::Length(0), true)));
        assert_eq!(of(304, 1, &[(CODING, "chunked")]), Some((Framing::Length(0), true)));
    }

    /// Reads `text` as it comes in pieces of these lengths, over and over; the body, what follows
    /// it, and whether it came to its end.
    fn read(
        mut framing: Framing,
        text: &[u8],
        pieces: &[usize],
    ) -> Option<(Vec<u8>, Vec<u8>, bool)> {
        let (mut input, mut body, mut left) = (BytesMut::new(), Vec::new(), text);
        let mut pieces = pieces.iter().copied().cycle();
        loop {
            match framing.next(&mut input).ok()? {
                Piece::Body(chunk) => body.extend_from_slice(&chunk),
                Piece::End => {
                    input.extend_from_slice(left);
                    return Some((body, input.to_vec(), true));
                }
                Piece::More if left.is_empty() => return Some((body, input.to_vec(), false)),
                Piece::More => {
                    let count = pieces.next().expect("endless").clamp(1, left.len());
                    let (now, later) = left.split_at(count);
                    input.extend_from_slice(now);
                    left = later;
                }
            }
        }
    }

    #[test]
    fn chunked_bodies_that_are_none() {
        let read = |text: &str| read(Framing::Chunked(Chunk::Line), text.as_bytes(), &[1]);
        for text in [
            "xyz\r\n",
            "-1\r\n",
            "2\r\nabc\r\n0\r\n\r\n",
            "2\r\nab0\r\n\r\n",
            "11111111111111111\r\n",
            "ffffffffffffffffff\r\n",
            "2\nab\r\n0\r\n\r\n",
            "0\r\nno colon\r\n\r\n",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(MAX_CHUNK_LINE_BYTES));
        assert_eq!(read(&long), None);
        let endless = format!("0\r\n{}", "a: b\r\n".repeat(MAX_HEAD_BYTES / 6 + 1));
        assert_eq!(
            super::tests::read(Framing::Chunked(Chunk::Line), endless.as_bytes(), &[4096]),
            None
        );
        for cut in [
            "",
            "2",
            "2\r",
            "2\r\n",
            "2\r\na",
            "2\r\nab",
            "2\r\nab\r",
            "0\r\n",
            "0\r\n\r",
            "0\r\na: b\r\n",
        ] {
            assert!(matches!(read(cut), Some((_, _, false))), "{cut:?}");
        }
    }

    proptest! {
        #[test]
        fn a_body_comes_out_as_it_went_in_however_it_is_cut(
            body in prop::collection::vec(any::<u8>(), 0..300),
            sizes in prop::collection::vec(1_usize..50, 1..10),
            pieces in prop::collection::vec(1_usize..40, 1..10),
            extension in "(;[a-z]{1,5}(=[a-z0-9]{1,5})?)?",
            trailers in "([a-z]{1,8}: [a-z0-9]{0,8}\r\n){0,3}",
            after in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let (mut text, mut left, mut size) = (Vec::new(), &body[..], sizes.iter().cycle());
            while !left.is_empty() {
                let count = (*size.next().expect("endless")).min(left.len());
                text.extend_from_slice(format!("{count:X}{extension}\r\n").as_bytes());
                text.extend_from_slice(&left[..count]);
                text.extend_from_slice(b"\r\n");
                left = &left[count..];
            }
            text.extend_from_slice(format!("0{extension}\r\n{trailers}\r\n").as_bytes());
            text.extend_from_slice(&after);
            let expected = Some((body.clone(), after.clone(), true));
            prop_assert_eq!(read(Framing::Chunked(Chunk::Line), &text, &pieces), expected.clone());
            let text = [&body[..], &after].concat();
            prop_assert_eq!(read(Framing::Length(body.len() as u64), &text, &pieces), expected);
            let all = Some((text.clone(), Vec::new(), false));
            prop_assert_eq!(read(Framing::UntilClose, &text, &pieces), all);
        }

        #[test]
        fn nothing_that_comes_in_breaks_it(
            text in prop::collection::vec(any::<u8>(), 0..200),
            pieces in prop::collection::vec(1_usize..40, 1..10),
        ) {
            let _any = read(Framing::Chunked(Chunk::Line), &text, &pieces);
            let _any = super::super::message::HeadReader::default()
                .next(&mut BytesMut::from(&[b"HTTP/1.1 200 ".as_slice(), &text].concat()[..]));
        }
    }
}
