//! The readings of a path: what different servers make of one spelling.
//!
//! A server may or may not do each of these, at each place of the path:
//!
//! - decode an escape, once or more often, so that `%2F` and `%252F` become separators;
//! - read a backslash as a separator;
//! - merge empty segments, and resolve dot segments;
//! - cut a segment at `;` or `:`, and the whole path at `;`, `?`, `#` or NUL;
//! - cut dots and blanks around the name of a segment;
//! - fold look-alikes into ASCII, and ignore the case of letters.
//!
//! The number of readings can grow with every segment, so they are not listed. [`Depths`] follows all of
//! them at once: for each number of segments that match a rule, how many others can be above.

use super::{
    pattern::{Extent, PathPattern},
    spelling::{Form, Spelt, spelt},
};

/// Whether every server reads `path` in the same way, apart from the case of letters. `path` is absolute and
/// without a query.
///
/// `/a//b`, `/a;b/`, `/a%2Fb` and `/50%25.txt` have several readings, `/a%20b` has one.
pub fn has_one_reading(path: &str) -> bool {
    Readings::of(path).is_one()
}

/// Which readings of a path match a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// None.
    Never,
    /// Some may, and a server may use another one.
    Possible,
    /// All, in the case of letters that the rule has.
    Certain,
}

/// The readings of one path.
#[derive(Debug)]
pub(super) enum Readings<'p> {
    /// Servers differ at most in the case of letters. Nothing is allocated for it.
    One(&'p str),
    /// Servers may differ.
    Several(Vec<Chunk<'p>>),
}

impl<'p> Readings<'p> {
    pub(super) fn of(path: &'p str) -> Self {
        if is_plain(path) { Self::One(path) } else { Self::Several(chunks(path)) }
    }

    /// Whether every server finds the same segments, apart from the case of letters.
    pub(super) fn is_one(&self) -> bool {
        match self {
            Self::One(_) => true,
            Self::Several(chunks) => {
                let Some((last, others)) = chunks.split_last() else { return true };
                others.iter().all(|chunk| chunk.is_stable && !chunk.name.is_empty())
                    && last.is_stable
            }
        }
    }

    pub(super) fn matches(&self, pattern: &PathPattern) -> Match {
        match self {
            Self::One(path) => match_segments(path, pattern),
            Self::Several(chunks) => match_chunks(chunks, pattern),
        }
    }
}

/// Whether `path` has one reading by its characters alone: segments of unreserved characters and a few others,
/// none of them empty or with a dot or blank where it could be cut.
fn is_plain(path: &str) -> bool {
    let mut before = b'\0';
    let is_plain = path.bytes().enumerate().all(|(at, byte)| {
        let previous = std::mem::replace(&mut before, byte);
        match byte {
            b'/' => at == 0 || !matches!(previous, b'/' | b'.' | b'+'),
            b'+' => previous != b'/',
            b'%' | b';' | b':' | b'\\' | b'?' | b'#' | 0..=0x20 | 0x7f..=0xff => false,
            _ => at > 0,
        }
    });
    is_plain && !matches!(before, b'\0' | b'.' | b'+')
}

fn match_segments(path: &str, pattern: &PathPattern) -> Match {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let mut found = Match::Certain;
    for wanted in pattern.segments() {
        match segments.next() {
            Some(segment) if segment == wanted => {}
            Some(segment) if segment.eq_ignore_ascii_case(wanted) => found = Match::Possible,
            _ => return Match::Never,
        }
    }
    match (pattern.extent(), segments.next()) {
        (Extent::Below, _) | (Extent::Exact, None) => found,
        (Extent::Exact, Some("")) => Match::Possible,
        (Extent::Exact, Some(_)) if pattern.names_a_file() => Match::Possible,
        (Extent::Exact, Some(_)) => Match::Never,
    }
}

/// What stands between two places that a server may read as separators.
#[derive(Debug)]
pub(super) struct Chunk<'p> {
    /// As the path spells it.
    written: &'p str,
    /// The name up to the first cut, decoded, folded to lower case, without dots and blanks around it.
    name: Vec<u8>,
    /// Whether the name is all that a server can read here.
    is_stable: bool,
    /// Whether a server may cut the rest of the segment.
    is_cut: bool,
    /// Whether a server may read this as the end of the path.
    ends_path: bool,
    /// Whether a server may read this as `..`.
    climbs: bool,
    /// Whether every server ends the segment here.
    is_closed: bool,
}

fn chunks(path: &str) -> Vec<Chunk<'_>> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let spelling = spelt(path);
    let mut chunks = Vec::new();
    let (mut start, mut rest) = (0, spelling.as_slice());
    loop {
        let end = rest.iter().position(|spelt| matches!(spelt.byte, b'/' | b'\\'));
        let (inner, more) = rest.split_at(end.unwrap_or(rest.len()));
        let Some((separator, more)) = more.split_first() else {
            chunks.push(Chunk::new(path.get(start..).unwrap_or_default(), inner, true));
            return chunks;
        };
        let is_literal = separator.form == Form::Literal;
        let written = path.get(start..separator.start).unwrap_or_default();
        chunks.push(Chunk::new(written, inner, is_literal && separator.byte == b'/'));
        // A separator that stands in the path itself is one byte. What follows another one begins after it.
        let next = more.first().map_or(path.len(), |spelt| spelt.start);
        start = if is_literal { separator.start + 1 } else { next };
        rest = more;
    }
}

impl<'p> Chunk<'p> {
    fn new(written: &'p str, inner: &[Spelt], is_closed: bool) -> Self {
        let is_cut_at = |spelt: &Spelt| matches!(spelt.byte, b';' | b':' | b'?' | b'#' | 0);
        let cut = inner.iter().position(is_cut_at);
        let head = inner.get(..cut.unwrap_or(inner.len())).unwrap_or_default();
        let name = trimmed(head);
        Self {
            written,
            is_stable: is_closed && name.len() == inner.len() && is_decoded_once(written, inner),
            is_cut: cut.is_some(),
            ends_path: inner.iter().any(|spelt| matches!(spelt.byte, b';' | b'?' | b'#' | 0)),
            climbs: name.is_empty() && head.iter().filter(|spelt| spelt.byte == b'.').count() >= 2,
            name: name.iter().map(|spelt| spelt.byte.to_ascii_lowercase()).collect(),
            is_closed,
        }
    }

    fn spells(&self, wanted: &str) -> bool {
        self.name.eq_ignore_ascii_case(wanted.as_bytes())
    }
}

/// Cuts blanks at both ends, and dots at the end.
fn trimmed(mut name: &[Spelt]) -> &[Spelt] {
    while let [Spelt { byte: b' ' | b'+', .. }, rest @ ..] = name {
        name = rest;
    }
    while let [rest @ .., Spelt { byte: b' ' | b'+' | b'.', .. }] = name {
        name = rest;
    }
    name
}

/// Whether decoding once yields the characters of `inner`, and none of them can begin another escape.
fn is_decoded_once(written: &str, inner: &[Spelt]) -> bool {
    let length = |spelt: &Spelt| match spelt.form {
        Form::Literal => 1,
        Form::Escape => "%20".len(),
        Form::Hidden => 0,
    };
    inner.iter().map(length).sum::<usize>() == written.len()
        && inner.iter().all(|spelt| spelt.byte != b'%')
}

fn match_chunks(chunks: &[Chunk<'_>], pattern: &PathPattern) -> Match {
    // Most rules end here, so that a long path costs little even where there are many rules.
    let is_spelt = |wanted: &String| chunks.iter().any(|chunk| chunk.spells(wanted));
    if !pattern.segments().iter().all(is_spelt) {
        return Match::Never;
    }
    let mut at_start = Depths::none(pattern);
    at_start.add(0, (0, 0));
    let mut after = Depths::none(pattern);
    // Inside a segment that goes on: what precedes a separator that was not read as one.
    let mut inside = Depths::none(pattern);
    let mut ends = Depths::none(pattern);
    for chunk in chunks {
        after.clear();
        at_start.add_after(chunk, pattern, &mut after);
        after.add_all(&inside);
        if chunk.ends_path {
            ends.add_all(&after);
        }
        if chunk.is_closed {
            inside.clear();
        } else {
            at_start.add_other();
            inside.add_all(&at_start);
            if chunk.is_cut {
                inside.add_all(&after);
            }
        }
        std::mem::swap(&mut at_start, &mut after);
    }
    ends.add_all(&at_start);
    ends.verdict(pattern)
}

/// For each number of leading segments that match a pattern, how many other segments can follow them: the
/// fewest and the most. Numbers between the two may be no real reading, which only makes a verdict stricter.
#[derive(Debug)]
struct Depths(Vec<Option<(u32, u32)>>);

impl Depths {
    fn none(pattern: &PathPattern) -> Self {
        Self(vec![None; pattern.segments().len() + 1])
    }

    fn add(&mut self, matched: usize, (fewest, most): (u32, u32)) {
        if let Some(known) = self.0.get_mut(matched) {
            *known = Some(match *known {
                Some((low, high)) => (low.min(fewest), high.max(most)),
                None => (fewest, most),
            });
        }
    }

    fn add_all(&mut self, other: &Self) {
        for (matched, others) in other.each() {
            self.add(matched, others);
        }
    }

    fn each(&self) -> impl Iterator<Item = (usize, (u32, u32))> {
        self.0.iter().enumerate().filter_map(|(matched, others)| Some((matched, (*others)?)))
    }

    fn clear(&mut self) {
        self.0.fill(None);
    }

    /// Adds one more segment that matches nothing.
    fn add_other(&mut self) {
        for (fewest, most) in self.0.iter_mut().flatten() {
            *fewest += 1;
            *most += 1;
        }
    }

    /// Adds to `after` what follows `chunk` as a whole segment, in each way to read it.
    fn add_after(&self, chunk: &Chunk<'_>, pattern: &PathPattern, after: &mut Self) {
        for (matched, (fewest, most)) in self.each() {
            if chunk.name.is_empty() {
                after.add(matched, (fewest, most));
            }
            if chunk.climbs && most > 0 {
                after.add(matched, (fewest.saturating_sub(1), most - 1));
            }
            if chunk.climbs && fewest == 0 {
                after.add(matched.saturating_sub(1), (0, 0));
            }
            let wanted = pattern.segments().get(matched).filter(|wanted| chunk.spells(wanted));
            match wanted {
                Some(wanted) if fewest == 0 => {
                    after.add(matched + 1, (0, 0));
                    if chunk.written != wanted {
                        after.add(matched, (1, most + 1));
                    } else if most > 0 {
                        after.add(matched, (2, most + 1));
                    }
                }
                _ => after.add(matched, (fewest + 1, most + 1)),
            }
        }
    }

    /// What these depths at the end of a path mean for the pattern.
    fn verdict(&self, pattern: &PathPattern) -> Match {
        let whole = pattern.segments().len();
        let is_certain = self.each().all(|(matched, (_, most))| {
            matched == whole && (pattern.extent() == Extent::Below || most == 0)
        });
        let is_possible = self.each().any(|(matched, (fewest, _))| {
            let reaches = pattern.extent() == Extent::Below || pattern.names_a_file();
            matched == whole && (reaches || fewest == 0)
        });
        match (is_certain, is_possible) {
            (true, _) => Match::Certain,
            (false, true) => Match::Possible,
            (false, false) => Match::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is borrowed is compared in place: nothing is allocated for it.
    #[test]
    fn a_plain_path_is_borrowed() {
        for path in ["/", "/a", "/admin/users/17/", "/app.js", "/.well-known/x", "/a=b,c&d@e/~f"] {
            assert!(matches!(Readings::of(path), Readings::One(same) if same == path), "{path}");
        }
        for path in ["", "a", "//", "/a//b", "/a%20b", "/a;b", "/a.", "/a./b", "/a+", "/+a", "/é"]
        {
            assert!(matches!(Readings::of(path), Readings::Several(_)), "{path}");
        }
    }
}
