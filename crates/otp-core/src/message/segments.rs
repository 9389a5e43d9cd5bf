//! The length of a message and where it is cut, as the mobile network counts and as Karaden counts.

use thiserror::Error;

use super::gsm::septets;

/// How the network encodes a message. This decides how much fits.
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

/// How much one message to Karaden can hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KaradenLimit {
    /// One part of 70 units, which both APIs bill as one message. The default.
    ///
    /// A line break counts as three units, as in the official tool for push v2.
    #[default]
    OnePart,
    /// 空電プッシュ v2: up to 10 parts (`message1` to `message10`) of 70 units. A line break counts as three
    /// units.
    PushParts,
    /// The Karaden SMS API: 660 UTF-16 units.
    Sms660,
}

impl KaradenLimit {
    /// Units in one part of push v2.
    pub const PART: usize = 70;
    /// Parts in a message of push v2.
    pub const MAX_PARTS: usize = 10;
    /// Units in a `body` of the SMS API.
    pub const BODY: usize = 660;

    /// Splits `text` into the parts that are sent. Line breaks must be LF. A surrogate pair is never cut.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if the text does not fit.
    pub fn parts(self, text: &str) -> Result<Vec<&str>, TooLong> {
        let (room, max_parts) = match self {
            Self::OnePart => (Self::PART, 1),
            Self::PushParts => (Self::PART, Self::MAX_PARTS),
            Self::Sms660 => (Self::BODY, 1),
        };
        let parts = cut(text, room, |c| self.weight(c));
        if parts.len() <= max_parts {
            Ok(parts)
        } else {
            let units = text.chars().map(|c| self.weight(c)).sum();
            Err(TooLong { units, allowed: room * max_parts })
        }
    }

    fn weight(self, c: char) -> usize {
        match (self, c) {
            (Self::OnePart | Self::PushParts, '\n') => 3,
            _ => c.len_utf16(),
        }
    }
}

/// The error of [`KaradenLimit::parts`]: the text does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the message has {units} units where {allowed} fit")]
pub struct TooLong {
    /// Units in the text.
    pub units: usize,
    /// Units that fit if no part has to end early.
    pub allowed: usize,
}

/// Cuts `text` between characters into the longest pieces of at most `room` units.
fn cut(text: &str, room: usize, weight: impl Fn(char) -> usize) -> Vec<&str> {
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
