//! The encodings of a file.

/// How the text of a file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// EUC-JP.
    EucJp,
    /// Shift_JIS with the characters of Windows (code page 932), as Excel in Japan writes CSV.
    ShiftJis,
    /// UTF-16 with the most significant byte first.
    Utf16Be,
    /// UTF-16 with the least significant byte first, as Excel writes Unicode text.
    Utf16Le,
    /// UTF-8.
    Utf8,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Utf8, Self::ShiftJis, Self::EucJp, Self::Utf16Le, Self::Utf16Be];

    /// Returns the name, in the spelling of the WHATWG's Encoding standard in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EucJp => "euc-jp",
            Self::ShiftJis => "shift_jis",
            Self::Utf16Be => "utf-16be",
            Self::Utf16Le => "utf-16le",
            Self::Utf8 => "utf-8",
        }
    }

    pub(super) const fn decoder(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::EucJp => encoding_rs::EUC_JP,
            Self::ShiftJis => encoding_rs::SHIFT_JIS,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf8 => encoding_rs::UTF_8,
        }
    }

    pub(super) fn of(decoder: &'static encoding_rs::Encoding) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.decoder() == decoder)
    }
}
