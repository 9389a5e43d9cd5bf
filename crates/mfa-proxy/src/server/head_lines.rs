//! Which lines of framing the head of a request has, while its bytes arrive.
//!
//! hyper lets a transfer coding win over a length and drops the length, so that it cannot be seen in the headers.

use crate::framing::Lengths;

const LENGTH: &[u8] = b"content-length";
const CODING: &[u8] = b"transfer-encoding";
/// One more than the longest of the two names.
const MAX_NAME: usize = CODING.len() + 1;

/// Looks at the names of the lines of one head.
#[derive(Debug, Default)]
pub(super) struct HeadLines {
    place: Place,
    name: [u8; MAX_NAME],
    name_length: usize,
    has_length: bool,
    has_coding: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Before the request line. Empty lines may come first (RFC 9112, section 2.2).
    #[default]
    Start,
    /// In the request line.
    RequestLine,
    /// In the name of a header.
    Name,
    /// After the name of a header.
    Value,
    /// After the head.
    End,
}

impl HeadLines {
    /// Adds the next bytes. Those after the head do not count.
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = rest;
            match self.place {
                Place::End => return,
                Place::Start if matches!(byte, b'\r' | b'\n') => {}
                Place::Start => self.place = Place::RequestLine,
                Place::RequestLine | Place::Value => {
                    if byte != b'\n' {
                        let end =
                            bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
                        bytes = &bytes[end..];
                        continue;
                    }
                    self.place = Place::Name;
                    self.name_length = 0;
                }
                Place::Name => self.add_to_name(byte),
            }
        }
    }

    fn add_to_name(&mut self, byte: u8) {
        match byte {
            b':' => {
                let name = &self.name[..self.name_length];
                self.has_length |= name.eq_ignore_ascii_case(LENGTH);
                self.has_coding |= name.eq_ignore_ascii_case(CODING);
                self.place = Place::Value;
            }
            b'\n' if self.name_length == 0 => self.place = Place::End,
            b'\n' => self.name_length = 0,
            // Only at the end of a line.
            b'\r' => {}
            _ if self.name_length < MAX_NAME => {
                self.name[self.name_length] = byte;
                self.name_length += 1;
            }
            _ => self.place = Place::Value,
        }
    }

    /// Returns what the lines of a complete head say.
    pub(super) fn lengths(&self) -> Lengths {
        match (self.place, self.has_length && self.has_coding) {
            (Place::End, false) => Lengths::One,
            (Place::End, true) => Lengths::Two,
            _ => Lengths::Unseen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, expected: Lengths) {
        for part in 1..=head.len() {
            let mut lines = HeadLines::default();
            head.as_bytes().chunks(part).for_each(|bytes| lines.add(bytes));
            assert_eq!(lines.lengths(), expected, "{head:?} in parts of {part}");
        }
    }

    #[test]
    fn a_length_next_to_a_coding_is_seen_in_any_order_and_case() {
        for head in [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\ntransfer-ENCODING:chunked\r\nX: 1\r\ncontent-length:\r\n\r\n",
            "\r\n\nPOST / HTTP/1.1\nContent-Length: 5\nTransfer-Encoding: chunked\n\n",
        ] {
            check(head, Lengths::Two);
        }
    }

    #[test]
    fn one_of_the_two_is_no_doubt() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nTransfer-Encoding: chunked\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Lengths: 1\r\nX-Content-Length: 1\r\nX: Content-Length: 1\r\n\r\n",
            "POST /Content-Length:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            check(head, Lengths::One);
        }
    }

    #[test]
    fn a_head_that_is_not_complete_was_not_seen() {
        for head in ["", "\r\n", "POST / HTTP/1.1\r\nContent-Length: 5\r\n", "POST"] {
            if head.is_empty() {
                assert_eq!(HeadLines::default().lengths(), Lengths::Unseen);
            } else {
                check(head, Lengths::Unseen);
            }
        }
    }
}
