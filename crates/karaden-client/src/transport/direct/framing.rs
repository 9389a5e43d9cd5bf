//! Where the body of an answer ends (RFC 9112, section 6.3), and taking it from what comes in.
//!
//! The lines between chunks are read here and not by httparse, which takes a line without a length
//! for the last chunk, and lets anything stand in an extension.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::message::Malformed;

/// The most that chunks may say beside their lengths and their data: extensions and trailers,
/// neither of which is needed.
const MAX_ASIDE_BYTES: usize = 16 * 1024;
/// The most digits of the length of a chunk, which is what fits.
const MAX_SIZE_DIGITS: usize = 16;

/// What tells the end of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// Each chunk says its own length.
    Chunked(Chunks),
    /// The end of the connection, which may also be an accident.
    UntilClose,
}

/// How far a chunked body is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    place: Place,
    /// How much of the input was searched for the end of a line in vain.
    seen: usize,
    /// How long the extensions and trailers were so far.
    aside: usize,
}

/// Where in a chunked body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the line with a length.
    #[default]
    Size,
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
            // Neither has a body. A 204 that announces one may yet send it.
            let announces = |name| headers.get_all(name).iter().any(|value| value != "0");
            let is_certain =
                !announces(TRANSFER_ENCODING) && (status == 304 || !announces(CONTENT_LENGTH));
            return Ok((Self::Length(0), is_certain));
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
        Ok((Self::Chunked(Chunks::default()), length.is_none()))
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
            Self::Chunked(chunks) => chunks.next(input),
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

impl Chunks {
    fn next(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        loop {
            self.place = match &mut self.place {
                Place::Data(0) => Place::End,
                Place::Data(left) => return Ok(take(left, input)),
                Place::End => match &input[..] {
                    [b'\r', b'\n', ..] => {
                        input.advance(2);
                        Place::Size
                    }
                    [] | [b'\r'] => return Ok(Piece::More),
                    _ => return Err(Malformed("a chunk is longer than it says")),
                },
                Place::Size => match self.line(input)? {
                    None => return Ok(Piece::More),
                    Some(line) => match self.size(&line)? {
                        0 => Place::Trailers,
                        size => Place::Data(size),
                    },
                },
                Place::Trailers => match self.line(input)? {
                    None => return Ok(Piece::More),
                    Some(line) if line.is_empty() => return Ok(Piece::End),
                    Some(line) => {
                        self.trailer(&line)?;
                        Place::Trailers
                    }
                },
            };
        }
    }

    /// Takes a line from the front of `input`, without its end; `None` if it is not all there.
    ///
    /// Nothing but `\r\n` ends a line, and neither of both stands within one.
    fn line(&mut self, input: &mut BytesMut) -> Result<Option<BytesMut>, Malformed> {
        let Some(end) = input[self.seen..].iter().position(|byte| *byte == b'\n') else {
            self.seen = input.len();
            // However it ends, it is too long. The one is for its `\r`.
            let is_too_long = self.aside + self.seen > MAX_ASIDE_BYTES + MAX_SIZE_DIGITS + 1;
            return if is_too_long { Err(TOO_LONG) } else { Ok(None) };
        };
        let mut line = input.split_to(self.seen + end + 1);
        self.seen = 0;
        if !line.ends_with(b"\r\n") || line[..line.len() - 2].contains(&b'\r') {
            return Err(Malformed("a line between chunks does not end as it should"));
        }
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }

    /// The length that starts the line before a chunk.
    fn size(&mut self, line: &[u8]) -> Result<u64, Malformed> {
        let unreadable = Malformed("the length of a chunk cannot be read");
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, extensions) = line.split_at(digits);
        if !matches!(extensions.trim_ascii_start(), [] | [b';', ..]) {
            return Err(unreadable);
        }
        self.set_aside(extensions)?;
        // Neither no digit nor one too many.
        let digits = Some(digits).filter(|digits| digits.len() <= MAX_SIZE_DIGITS);
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or(unreadable)
    }

    fn trailer(&mut self, line: &[u8]) -> Result<(), Malformed> {
        self.set_aside(line)?;
        let name = line.split(|byte| *byte == b':').next().filter(|name| name.len() < line.len());
        match name.map(HeaderName::from_bytes) {
            Some(Ok(_)) => Ok(()),
            _ => Err(Malformed("what follows the last chunk cannot be read")),
        }
    }

    fn set_aside(&mut self, text: &[u8]) -> Result<(), Malformed> {
        self.aside += text.len();
        if self.aside > MAX_ASIDE_BYTES { Err(TOO_LONG) } else { Ok(()) }
    }
}

const TOO_LONG: Malformed = Malformed("the chunks say too much beside their data");

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
        let chunked = || Framing::Chunked(Chunks::default());
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
        let empty = |is_certain| Some((Framing::Length(0), is_certain));
        for (status, headers, is_certain) in [
            (204, &[][..], true),
            (204, &[(LENGTH, "0")], true),
            (204, &[(LENGTH, "7")], false),
            (204, &[(CODING, "chunked")], false),
            (304, &[(LENGTH, "7")], true),
            (304, &[(CODING, "chunked")], false),
        ] {
            assert_eq!(of(status, 1, headers), empty(is_certain), "{status} {headers:?}");
        }
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

    fn read_chunks(text: &[u8], pieces: &[usize]) -> Option<(Vec<u8>, Vec<u8>, bool)> {
        read(Framing::Chunked(Chunks::default()), text, pieces)
    }

    #[test]
    fn chunked_bodies_that_are_none() {
        let read = |text: &str| read_chunks(text.as_bytes(), &[1]);
        for text in [
            "xyz\r\n",
            "-1\r\n",
            "2\r\nabc\r\n0\r\n\r\n",
            "2\r\nab0\r\n\r\n",
            "11111111111111111\r\n",
            "ffffffffffffffffff\r\n",
            "2\nab\r\n0\r\n\r\n",
            "2\rx\nab\r\n0\r\n\r\n",
            // No length is not the length zero: an answer that lost a line is not complete.
            "\r\n\r\n",
            "2\r\nab\r\n\r\n\r\n",
            " \r\n\r\n",
            ";a=b\r\n\r\n",
            // What is one line to us must not be two to somebody on the way.
            "1;a\nb\r\nx\r\n0\r\n\r\n",
            "0;a\nb: c\r\n\r\n",
            "1;a\rb\r\nx\r\n0\r\n\r\n",
            "0\r\nno colon\r\n\r\n",
            "0\r\n: no name\r\n\r\n",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
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

    #[test]
    fn what_chunks_say_beside_their_data_has_a_bound() {
        let half = MAX_ASIDE_BYTES / 2;
        let extension = |bytes: usize| format!(";{}", "x".repeat(bytes - 1));
        let trailer = |bytes: usize| format!("a:{}\r\n", "x".repeat(bytes - 2));
        let one = |bytes| format!("1{}\r\na\r\n0\r\n\r\n", extension(bytes));
        let two = |bytes| format!("1{}\r\na\r\n1{}\r\n", extension(half), extension(bytes - half));
        let both = |bytes| format!("0{}\r\n{}\r\n", extension(half), trailer(bytes - half));
        let digits = |bytes| format!("{}1{}\r\na\r\n", "0".repeat(15), extension(bytes));
        let texts: [&dyn Fn(usize) -> String; 4] = [&one, &two, &both, &digits];
        for text in texts {
            for (bytes, fits) in [(MAX_ASIDE_BYTES, true), (MAX_ASIDE_BYTES + 1, false)] {
                for pieces in [1, 1000, usize::MAX] {
                    let read = read_chunks(text(bytes).as_bytes(), &[pieces]);
                    assert_eq!(read.is_some(), fits, "{bytes} {pieces}");
                }
            }
        }
        // Also if the line has no end.
        for endless in ["1;", "0\r\na:"] {
            let endless = format!("{endless}{}", "x".repeat(MAX_ASIDE_BYTES + 32));
            assert_eq!(read_chunks(endless.as_bytes(), &[1000]), None);
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
            prop_assert_eq!(read_chunks(&text, &pieces), expected.clone());
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
            prop_assert_eq!(read_chunks(&text, &pieces), read_chunks(&text, &[usize::MAX]));
            let _any = super::super::message::HeadReader::default()
                .next(&mut BytesMut::from(&[b"HTTP/1.1 200 ".as_slice(), &text].concat()[..]));
        }
    }
}
