//! The outcome types of a send through the SMS API.

use super::{message::Message, new_message::NewMessage};

/// A send that got a response.
pub type SendOutcome = crate::SendOutcome<Message, NewMessage>;
/// A send without a valid response.
pub type SendError = crate::SendError<NewMessage>;
/// A send whose outcome is unknown.
pub type UnknownSend = crate::UnknownSend<NewMessage>;
/// The result of resolving an unknown outcome.
pub type Resolution = crate::Resolution<Message, NewMessage>;
