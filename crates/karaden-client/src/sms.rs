//! The Karaden SMS API (`https://prg.karaden.jp/api`): send, look up, list, cancel, bulk.

mod answer;
mod bulk;
pub mod callback;
mod client;
mod file_name;
mod list;
mod message;
mod new_message;

pub use self::{
    bulk::{
        BulkFile, BulkId, BulkMessage, BulkResolution, BulkResult, BulkRow, BulkSendError,
        BulkSendOutcome, BulkStatus, UnknownBulkSend, UploadedFile,
    },
    client::{ApiVersion, Client, ClientBuilder},
    file_name::FileName,
    list::{ListQuery, Messages, Page},
    message::{Carrier, Message, MessageId, MessageResult, RowError, SentResult, Status},
    new_message::{NewMessage, ServiceId, Tag},
};

/// A send that got an answer.
pub type SendOutcome = crate::SendOutcome<Message, NewMessage>;
/// A send without a useful answer.
pub type SendError = crate::SendError<NewMessage>;
/// A send whose outcome is unknown.
pub type UnknownSend = crate::UnknownSend<NewMessage>;
/// What became of a send whose outcome was unknown.
pub type Resolution = crate::Resolution<Message, NewMessage>;
