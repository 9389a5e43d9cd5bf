//! The Karaden SMS API (`https://prg.karaden.jp/api`): send, look up, list, cancel, bulk.

mod bulk;
#[cfg(feature = "bulk-csv")]
mod bulk_column;
#[cfg(feature = "bulk-csv")]
mod bulk_csv;
pub mod callback;
mod client;
mod file_name;
mod list;
mod message;
mod new_message;
mod outcome;
mod response;

pub use self::{
    bulk::{
        BulkFile, BulkId, BulkMessage, BulkResolution, BulkResult, BulkRow, BulkSendError,
        BulkSendOutcome, BulkStatus, UnknownBulkSend, UploadedFile,
    },
    client::{ApiVersion, Client, ClientBuilder},
    file_name::FileName,
    list::{ListQuery, Messages, Page},
    message::{Carrier, Message, MessageId, MessageResult, SentResult, Status},
    new_message::{NewMessage, ServiceId, Tag},
    outcome::{Resolution, SendError, SendOutcome, UnknownSend},
    response::RowError,
};
#[cfg(feature = "bulk-csv")]
#[cfg_attr(docsrs, doc(cfg(feature = "bulk-csv")))]
pub use self::{
    bulk_column::BulkColumn,
    bulk_csv::{BulkCsv, InvalidBulk, InvalidRow},
};
