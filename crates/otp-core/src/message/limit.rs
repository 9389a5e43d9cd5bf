//! How long a text may be for one sender, and which characters it may contain.

use thiserror::Error;

use super::segments::cut;

/// How long a text may be for one sender, and which characters it may contain.
///
/// A character counts as its UTF-16 units: one in the Basic Multilingual Plane, otherwise two. A sender states its
/// limit, and [`SmsTemplate`](super::SmsTemplate) checks the words against it when they are configured.
///
/// ```
/// use otp_core::message::TextLimit;
///
/// let limit = TextLimit::new(70, 2).with_line_break(3);
/// assert_eq!(limit.split(&"あ".repeat(71))?.len(), 2);
/// assert!(limit.with_max_parts(1).split(&"あ".repeat(71)).is_err());
/// # Ok::<(), otp_core::message::TooLong>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextLimit {
    part_units: usize,
    max_parts: usize,
    line_break: usize,
    is_basic_plane_only: bool,
}

impl TextLimit {
    /// Creates the limit of a sender that takes up to `max_parts` parts of up to `part_units` UTF-16 units each. A
    /// line break counts as one unit, and every character is allowed. A limit of 0 allows no text.
    pub const fn new(part_units: usize, max_parts: usize) -> Self {
        Self { part_units, max_parts, line_break: 1, is_basic_plane_only: false }
    }

    /// Sets how many units a line break (LF) counts. Default: 1.
    #[must_use]
    pub const fn with_line_break(mut self, units: usize) -> Self {
        self.line_break = units;
        self
    }

    /// Refuses characters beyond the Basic Multilingual Plane: most emoji, rare kanji such as 𠮷.
    #[must_use]
    pub const fn with_basic_plane_only(mut self) -> Self {
        self.is_basic_plane_only = true;
        self
    }

    /// Allows at most `parts` parts, and never more than before.
    #[must_use]
    pub const fn with_max_parts(mut self, parts: usize) -> Self {
        if parts < self.max_parts {
            self.max_parts = parts;
        }
        self
    }

    /// Returns a limit that every text within keeps both limits: the smaller numbers of the two, the larger count
    /// of a line break, and the Basic Multilingual Plane if one of them demands it.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        Self {
            part_units: self.part_units.min(other.part_units),
            max_parts: self.max_parts.min(other.max_parts),
            line_break: self.line_break.max(other.line_break),
            is_basic_plane_only: self.is_basic_plane_only || other.is_basic_plane_only,
        }
    }

    /// Returns how many units fit into a part.
    pub const fn part_units(&self) -> usize {
        self.part_units
    }

    /// Returns how many parts a text may have.
    pub const fn max_parts(&self) -> usize {
        self.max_parts
    }

    /// Returns how many units a line break counts.
    pub const fn line_break(&self) -> usize {
        self.line_break
    }

    /// Whether characters beyond the Basic Multilingual Plane are refused.
    pub const fn is_basic_plane_only(&self) -> bool {
        self.is_basic_plane_only
    }

    /// Returns the length of `text` in units, as this limit counts. Line breaks must be LF.
    pub fn units(&self, text: &str) -> usize {
        text.chars().map(|c| self.weight(c)).sum()
    }

    /// Returns the first character of `text` that the limit refuses.
    pub fn excluded(&self, text: &str) -> Option<char> {
        text.chars().find(|c| self.is_basic_plane_only && c.len_utf16() > 1)
    }

    /// Splits `text` into its parts, each as long as possible. Line breaks must be LF. A surrogate pair is never
    /// cut. An empty text has no part.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if the text does not fit.
    pub fn split<'t>(&self, text: &'t str) -> Result<Vec<&'t str>, TooLong> {
        let parts = cut(text, self.part_units, |c| self.weight(c));
        let widest = text.chars().map(|c| self.weight(c)).max().unwrap_or_default();
        if parts.len() <= self.max_parts && widest <= self.part_units {
            return Ok(parts);
        }
        Err(TooLong {
            units: self.units(text),
            allowed: self.part_units.saturating_mul(self.max_parts),
        })
    }

    const fn weight(&self, c: char) -> usize {
        match c {
            '\n' => self.line_break,
            _ => c.len_utf16(),
        }
    }
}

/// The error of [`TextLimit::split`]: the text does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the message has {units} units where {allowed} fit")]
#[non_exhaustive]
pub struct TooLong {
    /// Units in the text.
    pub units: usize,
    /// Units that fit if no part has to end early.
    pub allowed: usize,
}
