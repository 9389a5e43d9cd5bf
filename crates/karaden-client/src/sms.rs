//! The Karaden SMS API (`https://prg.karaden.jp/api`): send, look up, list, cancel, bulk.

mod answer;
mod client;
mod message;
mod new_message;

pub use self::client::{ApiVersion, Client, ClientBuilder};
pub use self::message::{Carrier, Message, MessageId, MessageResult, SentResult, Status};
pub use self::new_message::{NewMessage, ServiceId, Tag};

/// A send that got an answer.
pub type SendOutcome = crate::SendOutcome<Message, NewMessage>;
/// A send without a useful answer.
pub type SendError = crate::SendError<NewMessage>;
/// A send whose outcome is unknown.
pub type UnknownSend = crate::UnknownSend<NewMessage>;
/// What became of a send whose outcome was unknown.
pub type Resolution = crate::Resolution<Message, NewMessage>;
