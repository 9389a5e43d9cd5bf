//! How long a message is, and where it is cut: as the radio network counts and as Karaden counts.

use thiserror::Error;

use super::gsm::septets;

/// How a message travels, which decides how much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GSM 7-bit: 160 septets in one segment, 153 in each of several; the characters of the extension
    /// table (`^ { } \ [ ~ ] | €`) take two.
    Gsm7,
    /// UCS-2: 70 UTF-16 units in one segment, 67 in each of several; a character beyond the basic
    /// plane (most emoji) takes two.
    Ucs2,
}

impl Encoding {
    /// How a text travels: in UCS-2 as soon as it has one character that GSM 7-bit has not.
    pub fn of(text: &str) -> Self {
        if text.chars().all(|c| septets(c).is_some()) { Self::Gsm7 } else { Self::Ucs2 }
    }

    /// What fits into a message of one segment.
    pub const fn single(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// What fits into each segment of a longer message, the header taken off.
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

/// The length of a text in the radio network.
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
    /// How it travels.
    pub encoding: Encoding,
    /// Septets or UTF-16 units, by the encoding.
    pub units: usize,
    /// Messages that the network carries and a carrier may bill; an empty text takes one.
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

/// The segments that the network makes of `text`. No character is cut in two: neither one of the
/// extension table nor a surrogate pair.
pub fn segments(text: &str) -> Vec<&str> {
    let encoding = Encoding::of(text);
    let units: usize = text.chars().map(|c| encoding.units(c)).sum();
    let room = if units <= encoding.single() { encoding.single() } else { encoding.concatenated() };
    cut(text, room, |c| encoding.units(c))
}

/// What one message to Karaden can hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KaradenLimit {
    /// One part of 70 units: what is surely billed as one message by either API. The default.
    ///
    /// A line break counts as three, as the official tool for push v2 budgets it.
    #[default]
    OnePart,
    /// 空電プッシュ v2: up to 10 parts (`message1` to `message10`) of 70 units, a line break counted
    /// as three.
    PushParts,
    /// The Karaden SMS API: 660 UTF-16 units.
    Sms660,
}

impl KaradenLimit {
    /// The units of one part of push v2.
    pub const PART: usize = 70;
    /// The parts of push v2.
    pub const MAX_PARTS: usize = 10;
    /// The units of a `body` of the SMS API.
    pub const BODY: usize = 660;

    /// The parts that `text` is sent in, CRLF not expected; a surrogate pair is never cut.
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

/// A text that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the message has {units} units where {allowed} fit")]
pub struct TooLong {
    /// The units that the text has.
    pub units: usize,
    /// The units that fit, if no part has to end early.
    pub allowed: usize,
}

/// Cuts `text` into the longest pieces of at most `room`, between characters.
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
