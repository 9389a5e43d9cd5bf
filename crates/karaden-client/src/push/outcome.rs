//! The outcome types of a send through 空電プッシュ.

use super::{delivery::MessageId, new_message::NewMessage};

/// A message that 空電プッシュ accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The id, one for all parts.
    pub message_id: MessageId,
}

/// A send that got an answer.
pub type SendOutcome = crate::SendOutcome<Accepted, NewMessage>;
/// A send without a useful answer.
pub type SendError = crate::SendError<NewMessage>;
/// A send whose outcome is unknown.
pub type UnknownSend = crate::UnknownSend<NewMessage>;
/// What became of a send whose outcome was unknown.
pub type Resolution = crate::Resolution<Accepted, NewMessage>;
