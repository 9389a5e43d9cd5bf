//! The outcome types of a send through the SMS API.

use super::{message::Message, new_message::NewMessage};

/// A send that got an answer.
pub type SendOutcome = crate::SendOutcome<Message, NewMessage>;
/// A send without a useful answer.
pub type SendError = crate::SendError<NewMessage>;
/// A send whose outcome is unknown.
pub type UnknownSend = crate::UnknownSend<NewMessage>;
/// What became of a send whose outcome was unknown.
pub type Resolution = crate::Resolution<Message, NewMessage>;
