//! The length of a message and where it is cut, as the mobile network counts.

use super::gsm::septets;

/// How the network encodes a message. This decides how much fits.
///
/// Exhaustive: the standard has no third one for text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GSM 7-bit: 160 septets in a single segment, 153 in each of several. The characters of the extension
    /// table (`^ { } \ [ ~ ] | €`) take two septets.
    Gsm7,
    /// UCS-2: 70 UTF-16 units in a single segment, 67 in each of several. A character beyond the basic plane
    /// (most emoji) takes two units.
    Ucs2,
}

impl Encoding {
    /// Returns the encoding of a text: UCS-2 if it has a character that GSM 7-bit does not have.
    pub fn of(text: &str) -> Self {
        if text.chars().all(|c| septets(c).is_some()) { Self::Gsm7 } else { Self::Ucs2 }
    }

    /// Returns how many units fit into a message of one segment.
    pub const fn single(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Returns how many units fit into each segment of a longer message, after its header.
    pub const fn concatenated(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    fn units(self, c: char) -> usize {
        match self {
            Self::Gsm7 => septets(c).unwrap_or(1),
            Self::Ucs2 => c.len_utf16(),
        }
    }
}

/// The length of a text in the mobile network.
///
/// ```
/// use otp_core::message::{Encoding, Length};
///
/// let japanese = Length::of("認証コード 123456（5分有効）");
/// assert_eq!((japanese.encoding, japanese.units, japanese.segments), (Encoding::Ucs2, 18, 1));
/// assert_eq!(Length::of("10 €").units, 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Length {
    /// The encoding.
    pub encoding: Encoding,
    /// Septets or UTF-16 units, depending on the encoding.
    pub units: usize,
    /// Segments, each of which a carrier may bill. An empty text takes one.
    pub segments: usize,
}

impl Length {
    /// Measures `text`.
    pub fn of(text: &str) -> Self {
        let encoding = Encoding::of(text);
        let units = text.chars().map(|c| encoding.units(c)).sum();
        Self { encoding, units, segments: segments(text).len().max(1) }
    }
}

/// Splits `text` into the segments of the network. No character is cut in two, neither one of the extension
/// table nor a surrogate pair.
pub fn segments(text: &str) -> Vec<&str> {
    let encoding = Encoding::of(text);
    let units: usize = text.chars().map(|c| encoding.units(c)).sum();
    let room = if units <= encoding.single() { encoding.single() } else { encoding.concatenated() };
    cut(text, room, |c| encoding.units(c))
}

/// Cuts `text` between characters into the longest pieces of at most `room` units.
pub(super) fn cut(text: &str, room: usize, weight: impl Fn(char) -> usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, c) in text.char_indices() {
        let next = weight(c);
        if used + next > room {
            pieces.push(&text[start..at]);
            (start, used) = (at, 0);
        }
        used += next;
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}
