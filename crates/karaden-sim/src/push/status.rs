//! The codes of `status`.

/// A code of `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Status {
    Ok = 100,
    Unauthenticated = 201,
    BadNumber = 202,
    Restricted = 203,
    BadTracking = 205,
    BadMessageId = 206,
    NoLongSplit = 209,
    BadText = 301,
    RowErrors = 900,
    AlreadyListed = 901,
    NoList = 903,
    Internal = 999,
}
