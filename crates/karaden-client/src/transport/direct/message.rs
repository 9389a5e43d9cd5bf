//! HTTP/1.1 (RFC 9112) as text: writing the head of a request, reading the head of an answer. The
//! parser is httparse; what is here decides what its pieces mean.

use std::{fmt, io::Write as _, mem::MaybeUninit};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
};

use super::framing::Framing;

/// The longest head of an answer, with those of the interim answers before it.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The most headers of an answer.
const MAX_HEADERS: usize = 100;

/// Why something is no HTTP. The text says what was expected and quotes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// Writes the head of a request: to `target`, the path with its query, at `host`, with a body of
/// so many bytes.
///
/// # Errors
///
/// If `target` cannot stand in a request line, so that nothing in it can end the line.
pub(super) fn write_head(
    into: &mut Vec<u8>,
    (method, target): (&Method, &str),
    host: &HeaderValue,
    headers: &HeaderMap,
    body_bytes: usize,
) -> Result<(), Malformed> {
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Malformed("the URL cannot stand in a request line"));
    }
    for part in [method.as_str(), " ", target, " HTTP/1.1\r\n"] {
        into.extend_from_slice(part.as_bytes());
    }
    // First, as RFC 9110, section 7.2, advises.
    write_header(into, &HOST, host);
    for (name, value) in headers {
        // These are decided here, so that nobody can contradict them.
        if ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(name) {
            write_header(into, name, value);
        }
    }
    let takes_a_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
    if body_bytes > 0 || takes_a_body {
        // Writing into memory cannot fail.
        let _infallible = write!(into, "content-length: {body_bytes}\r\n");
    }
    into.extend_from_slice(b"\r\n");
    Ok(())
}

fn write_header(into: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        into.extend_from_slice(part);
    }
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// Whether another request may follow on this connection.
    pub(super) keeps_open: bool,
}

/// Looks for the head of an answer in what comes in.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    /// How much of the input was looked at in vain.
    seen: usize,
    /// What interim answers took.
    spent: usize,
}

impl HeadReader {
    /// Takes the head of the final answer from the front of `input`; `None` if it is not all there.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Head>, Malformed> {
        loop {
            let begin = input.len().min(START.len());
            if input[..begin] != START[..begin] {
                return Err(Malformed("the answer is not HTTP/1"));
            }
            let Some(length) = self.length(input) else {
                if self.spent + input.len() >= MAX_HEAD_BYTES {
                    return Err(TOO_LONG);
                }
                return Ok(None);
            };
            self.spent += length;
            self.seen = 0;
            if self.spent > MAX_HEAD_BYTES {
                return Err(TOO_LONG);
            }
            let head = parse(&input.split_to(length).freeze())?;
            match head.status {
                // Nobody asked for another protocol.
                101 => return Err(Malformed("the server changes the protocol")),
                100..=199 => {}
                _ => return Ok(Some(head)),
            }
        }
    }

    /// The length of the first head with the empty line at its end.
    fn length(&mut self, input: &[u8]) -> Option<usize> {
        let from = self.seen;
        for (at, _) in input.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'\n') {
            match &input[at + 1..] {
                [b'\n', ..] => return Some(at + 2),
                [b'\r', b'\n', ..] => return Some(at + 3),
                _ => {}
            }
        }
        // The last two bytes may be the beginning of the end.
        self.seen = input.len().saturating_sub(2);
        None
    }
}

const START: &[u8] = b"HTTP/1.";
const TOO_LONG: Malformed = Malformed("the head of the answer is too long");

fn parse(head: &Bytes) -> Result<Head, Malformed> {
    let mut places = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        head,
        &mut places,
    );
    let (Ok(httparse::Status::Complete(length)), Some(status), Some(version)) =
        (parsed, response.code, response.version)
    else {
        return Err(Malformed("the head of the answer cannot be read"));
    };
    // What we took for the end is the end.
    if length != head.len() {
        return Err(Malformed("the head of the answer is not what it seems"));
    }
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(head.slice_ref(header.value));
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(Malformed("a header of the answer cannot be read"));
        };
        headers.append(name, value);
    }
    let (framing, is_certain) = Framing::of(status, version, &headers)?;
    let closes = headers.get_all(CONNECTION).iter().any(|value| has_word(value, "close"));
    Ok(Head { status, headers, framing, keeps_open: is_certain && version == 1 && !closes })
}

/// Whether a list of words, separated by commas, has this one.
pub(super) fn has_word(list: &HeaderValue, word: &str) -> bool {
    let mut words = list.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    words.any(|one| one.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(method: &Method, target: &str, headers: &HeaderMap, body: usize) -> Option<String> {
        let mut into = Vec::new();
        let host = HeaderValue::from_static("karaden.example");
        write_head(&mut into, (method, target), &host, headers, body).ok()?;
        Some(String::from_utf8(into).expect("ASCII"))
    }

    #[test]
    fn a_request_says_its_host_and_its_length_once() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_static("1"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("7"));
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        headers.insert(HOST, HeaderValue::from_static("other.example"));
        let host = "host: karaden.example\r\nx-a: 1\r\n";
        for (method, body, expected) in [
            (Method::GET, 0, format!("GET /a?b=c HTTP/1.1\r\n{host}\r\n")),
            (Method::POST, 0, format!("POST /a?b=c HTTP/1.1\r\n{host}content-length: 0\r\n\r\n")),
            (Method::PUT, 12, format!("PUT /a?b=c HTTP/1.1\r\n{host}content-length: 12\r\n\r\n")),
        ] {
            assert_eq!(written(&method, "/a?b=c", &headers, body), Some(expected));
        }
    }

    #[test]
    fn nothing_in_a_target_ends_the_line() {
        for target in ["/a b", "/a\r\nx: y", "/a\n", "/\u{7f}", "/あ", "", "a", "*"] {
            assert_eq!(written(&Method::GET, target, &HeaderMap::new(), 0), None, "{target:?}");
        }
    }

    /// Reads an answer that comes byte by byte and all at once; both have to say the same.
    fn read(text: &str) -> Result<Option<(u16, bool, String)>, Malformed> {
        let summary = |head: Option<Head>, rest: &[u8]| {
            head.map(|head| {
                (head.status, head.keeps_open, String::from_utf8_lossy(rest).into_owned())
            })
        };
        let mut input = BytesMut::from(text);
        let whole = HeadReader::default().next(&mut input).map(|head| summary(head, &input));
        let (mut reader, mut input) = (HeadReader::default(), BytesMut::new());
        for (at, byte) in text.bytes().enumerate() {
            input.extend_from_slice(&[byte]);
            match reader.next(&mut input) {
                Ok(None) => {}
                Ok(Some(head)) => {
                    input.extend_from_slice(&text.as_bytes()[at + 1..]);
                    assert_eq!(Ok(summary(Some(head), &input)), whole, "{text:?}");
                    return whole;
                }
                Err(error) => {
                    assert_eq!(Err(error), whole, "{text:?}");
                    return whole;
                }
            }
        }
        assert_eq!(whole, Ok(None), "{text:?}");
        whole
    }

    #[test]
    fn heads_are_found_wherever_they_end() {
        let good = |status, keeps_open, rest: &str| Ok(Some((status, keeps_open, rest.to_owned())));
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}x", good(200, true, "{}x")),
            ("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", good(200, true, "")),
            ("HTTP/1.1 200 OK\ncontent-length: 0\n\n", good(200, true, "")),
            ("HTTP/1.1 204 No\r\n\r\n", good(204, true, "")),
            ("HTTP/1.1 304 No\r\ncontent-length: 9\r\n\r\n", good(304, true, "")),
            ("HTTP/1.1 200 OK\r\n\r\nrest", good(200, false, "rest")),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", good(200, false, "")),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: a, CLOSE\r\n\r\n",
                good(200, false, ""),
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\nconnection: close\r\n\r\n",
                good(200, false, ""),
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nlink: a\r\n\r\nHTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
                good(503, true, ""),
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n", Ok(None)),
            ("HTTP/1.1 100 Continue\r\n\r\n", Ok(None)),
            ("", Ok(None)),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for text in [
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/0.9 200\r\n\r\n",
            "\x15\x03\x01\x00\x02\x02\x46",
            "<html>",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nspace : 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: 1\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: \u{1}\r\n\r\n",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn heads_have_bounds() {
        let many = |count: usize| "a: b\r\n".repeat(count);
        let with = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        assert!(read(&with(&many(MAX_HEADERS))).is_ok());
        assert!(read(&with(&many(MAX_HEADERS + 1))).is_err());
        let long = |bytes: usize| with(&format!("a: {}\r\n", "b".repeat(bytes)));
        let rest = long(0).len();
        let next = |text: &str| HeadReader::default().next(&mut BytesMut::from(text));
        assert!(matches!(next(&long(MAX_HEAD_BYTES - rest)), Ok(Some(_))));
        assert!(next(&long(MAX_HEAD_BYTES - rest + 1)).is_err());
        // Also before its end came, and spread over interim answers.
        assert!(next(&long(MAX_HEAD_BYTES)[..MAX_HEAD_BYTES]).is_err());
        assert!(next(&"HTTP/1.1 100 C\r\n\r\n".repeat(MAX_HEAD_BYTES / 18 + 1)).is_err());
    }
}
