//! The outcome types of a send through 空電プッシュ.

use super::{new_message::NewMessage, report::MessageId};

/// A message that 空電プッシュ accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Accepted {
    /// The id, the same for all parts.
    pub message_id: MessageId,
    /// The number of parts in which the text was sent, from 1.
    pub parts: usize,
}

/// A send that got a response.
pub type SendOutcome = crate::SendOutcome<Accepted, NewMessage>;
/// A send without a valid response.
pub type SendError = crate::SendError<NewMessage>;
/// A send whose outcome is unknown.
pub type UnknownSend = crate::UnknownSend<NewMessage>;
/// The result of resolving an unknown outcome.
pub type Resolution = crate::Resolution<Accepted, NewMessage>;
