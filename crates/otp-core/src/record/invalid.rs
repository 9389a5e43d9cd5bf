//! What is not a record.

use thiserror::Error;

/// The error of reading a record or a part of one: the bytes or the values are not those of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a record of a known version")]
pub struct InvalidRecord;
