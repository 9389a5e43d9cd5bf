//! What servers make of a path before they look for the resource: a model of the ways in use.
//!
//! Each way is a list of steps. A real installation is such a list too: a front proxy, a server and a
//! framework, each with its own steps. The fuzz target `path_readings` uses this file as well.

/// One step of a server on the whole path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Decode each escape once. What is no escape stays as it is.
    Decode,
    /// Decode as `Decode` does, except for an encoded slash (Apache's `AllowEncodedSlashes NoDecode`).
    DecodeExceptSlashes,
    /// End the path at a NUL, `?` or `#` (C strings; a URL that is parsed again).
    CutEnd,
    /// End the path at the first `;` (`getRequestURI().indexOf(';')`).
    CutAtFirstSemicolon,
    /// Cut the parameters of each segment (servlet containers).
    CutParameters,
    /// Cut the stream of each segment (NTFS).
    CutStreams,
    /// Read a backslash as a slash (Windows).
    TurnBackslashes,
    /// Cut dots and blanks at the end of each segment (Windows).
    TrimSegments,
    /// Cut blanks at both ends of each segment (`strip` in scripts).
    StripSegments,
    /// Read `+` as a blank (form decoding).
    TurnPlus,
    /// Replace compatibility characters (NFKC).
    Compose,
    /// Read overlong UTF-8 as the character that it spells.
    AcceptOverlong,
    /// Remove empty segments (nginx's `merge_slashes`).
    MergeSlashes,
    /// Resolve `.` and `..` (RFC 3986, section 5.2.4).
    ResolveDots,
    /// Ignore the case of letters (Windows, macOS).
    FoldCase,
}

/// Lists of steps as real servers have them.
pub(crate) const SERVERS: &[&[Step]] = {
    use Step::{
        AcceptOverlong, Compose, CutAtFirstSemicolon, CutEnd, CutParameters, CutStreams, Decode,
        DecodeExceptSlashes, FoldCase, MergeSlashes, ResolveDots, StripSegments, TrimSegments,
        TurnBackslashes, TurnPlus,
    };
    &[
        // The path as it came.
        &[],
        &[Decode],
        // nginx with and without `merge_slashes`, and a second decoder behind it.
        &[Decode, ResolveDots, MergeSlashes],
        &[Decode, ResolveDots],
        &[Decode, MergeSlashes, ResolveDots, Decode],
        &[MergeSlashes, Decode, Decode, ResolveDots],
        &[Decode, Decode, Decode, ResolveDots],
        // Apache.
        &[DecodeExceptSlashes, MergeSlashes, ResolveDots],
        &[DecodeExceptSlashes, ResolveDots, Decode, ResolveDots],
        // Tomcat and Jetty, in both orders of cutting and decoding.
        &[CutParameters, Decode, ResolveDots],
        &[Decode, CutParameters, MergeSlashes, ResolveDots],
        &[CutParameters, Decode, Decode, ResolveDots, FoldCase],
        &[CutAtFirstSemicolon, Decode, ResolveDots],
        &[Decode, CutAtFirstSemicolon, MergeSlashes],
        // IIS and other servers on Windows.
        &[Decode, TurnBackslashes, ResolveDots, TrimSegments, FoldCase],
        &[Decode, TrimSegments, ResolveDots, FoldCase],
        &[Decode, Decode, TurnBackslashes, ResolveDots, TrimSegments, CutStreams, FoldCase],
        &[Decode, CutStreams, TrimSegments, MergeSlashes, FoldCase],
        &[Decode, AcceptOverlong, TurnBackslashes, ResolveDots, FoldCase],
        // PHP, Python, Ruby and Node behind a front server.
        &[Decode, CutEnd, ResolveDots],
        &[Decode, Decode, CutEnd, ResolveDots, MergeSlashes],
        &[Decode, TurnPlus, StripSegments, MergeSlashes],
        &[Decode, StripSegments, ResolveDots],
        &[Decode, Compose, ResolveDots, FoldCase],
        &[Compose, Decode, Compose, Decode, MergeSlashes, ResolveDots],
        // Everything at once.
        &[
            Decode,
            Decode,
            AcceptOverlong,
            Compose,
            CutEnd,
            CutParameters,
            CutStreams,
            TurnBackslashes,
            TurnPlus,
            StripSegments,
            MergeSlashes,
            ResolveDots,
            TrimSegments,
            MergeSlashes,
            FoldCase,
        ],
    ]
};

/// Returns the path that a server with these steps looks up.
pub(crate) fn canonical(steps: &[Step], path: &str) -> Vec<u8> {
    steps.iter().fold(path.as_bytes().to_vec(), |path, step| step.apply(&path))
}

impl Step {
    fn apply(self, path: &[u8]) -> Vec<u8> {
        match self {
            Self::Decode => decode(path, |_| true),
            Self::DecodeExceptSlashes => decode(path, |byte| byte != b'/'),
            Self::CutEnd => until(path, |byte| matches!(byte, 0 | b'?' | b'#')).to_vec(),
            Self::CutAtFirstSemicolon => until(path, |byte| byte == b';').to_vec(),
            Self::CutParameters => {
                each_segment(path, |segment| until(segment, |byte| byte == b';'))
            }
            Self::CutStreams => each_segment(path, |segment| until(segment, |byte| byte == b':')),
            Self::TurnBackslashes => replace(path, b'\\', b'/'),
            Self::TrimSegments => each_segment(path, trim_end),
            Self::StripSegments => each_segment(path, <[u8]>::trim_ascii),
            Self::TurnPlus => replace(path, b'+', b' '),
            Self::Compose => compose(path),
            Self::AcceptOverlong => accept_overlong(path),
            Self::MergeSlashes => {
                let mut merged = path.to_vec();
                merged.dedup_by(|a, b| *a == b'/' && *b == b'/');
                merged
            }
            Self::ResolveDots => resolve(path),
            Self::FoldCase => path.to_ascii_lowercase(),
        }
    }
}

fn decode(path: &[u8], is_decoded: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = path;
    while let [first, more @ ..] = rest {
        let escape = match more {
            [high, low, ..] if *first == b'%' => std::str::from_utf8(&[*high, *low])
                .ok()
                .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        if let Some(byte) = escape.filter(|byte| is_decoded(*byte)) {
            decoded.push(byte);
            rest = &more[2..];
        } else {
            decoded.push(*first);
            rest = more;
        }
    }
    decoded
}

fn until(text: &[u8], is_end: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().position(|byte| is_end(*byte));
    &text[..end.unwrap_or(text.len())]
}

fn each_segment(path: &[u8], change: impl Fn(&[u8]) -> &[u8]) -> Vec<u8> {
    let segments: Vec<&[u8]> = path.split(|byte| *byte == b'/').map(change).collect();
    segments.join(&b'/')
}

/// Cuts dots and blanks, but leaves `.` and `..` alone, as Windows does.
fn trim_end(segment: &[u8]) -> &[u8] {
    let blank = segment.trim_ascii_end();
    if matches!(blank, b"." | b"..") {
        return blank;
    }
    let end = segment.iter().rposition(|byte| !matches!(byte, b'.' | b' '));
    &segment[..end.map_or(0, |end| end + 1)]
}

fn replace(path: &[u8], from: u8, to: u8) -> Vec<u8> {
    path.iter().map(|byte| if *byte == from { to } else { *byte }).collect()
}

/// Full-width forms and the one dot leader: enough of NFKC for a model.
fn compose(path: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(path) else { return path.to_vec() };
    let plain = |c: char| match u32::from(c) {
        full @ 0xff01..=0xff5e => char::from_u32(full - 0xfee0).unwrap_or(c),
        0x2024 => '.',
        0x3000 => ' ',
        _ => c,
    };
    text.chars().map(plain).collect::<String>().into_bytes()
}

/// Reads `C0 AF` and `E0 80 AF` as `/`, and so on.
fn accept_overlong(path: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let mut rest = path;
    loop {
        rest = match *rest {
            [] => return read,
            [first @ 0xc0..=0xc1, second @ 0x80..=0xbf, ref more @ ..] => {
                read.push(((first & 1) << 6) | (second & 0x3f));
                more
            }
            [0xe0, second @ 0x80..=0x81, third @ 0x80..=0xbf, ref more @ ..] => {
                read.push(((second & 1) << 6) | (third & 0x3f));
                more
            }
            [first, ref more @ ..] => {
                read.push(first);
                more
            }
        };
    }
}

fn resolve(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/').skip(1) {
        match segment {
            b"." => {}
            b".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let mut resolved = b"/".to_vec();
    resolved.extend(kept.join(&b'/'));
    resolved
}
