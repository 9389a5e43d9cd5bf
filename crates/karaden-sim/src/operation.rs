//! The two APIs and their calls.

use http::Method;
use serde::{Deserialize, Serialize};

/// One of the two APIs. JSON has `push` and `sms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// 空電プッシュ v2.
    Push,
    /// Karaden SMS API.
    Sms,
}

/// One call of either API. A [`Fault`](crate::Fault) can be limited to one. JSON has the names in snake
/// case, such as `bulk_file`.
///
/// ```
/// use karaden_sim::{Api, Operation};
///
/// assert_eq!((Operation::BulkFile.api(), Operation::Queue.api()), (Api::Sms, Api::Push));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// SMS API: send one message.
    Send,
    /// SMS API: list messages.
    List,
    /// SMS API: get one message.
    Get,
    /// SMS API: cancel a reservation.
    Cancel,
    /// SMS API: ask for an upload URL.
    BulkFile,
    /// SMS API: start a bulk send.
    BulkStart,
    /// SMS API: get the state of a bulk send.
    BulkGet,
    /// SMS API: get the URL of the result file.
    BulkResult,
    /// Storage: the `PUT` of a file.
    Upload,
    /// Storage: the `GET` of a result file.
    Download,
    /// Push: `karadenqueue`.
    Queue,
    /// Push: `sepakaradenqueue`.
    QueueLong,
    /// Push: `karadeninquiry`.
    Inquiry,
    /// Push: `karadeninquiry_tr`.
    InquiryByTracking,
    /// Push: `karadensetfilter`.
    SetFilter,
}

impl Operation {
    /// Returns the API of this call.
    #[must_use]
    pub const fn api(self) -> Api {
        match self {
            Self::Queue
            | Self::QueueLong
            | Self::Inquiry
            | Self::InquiryByTracking
            | Self::SetFilter => Api::Push,
            _ => Api::Sms,
        }
    }

    pub(crate) const fn method(self) -> Method {
        match self {
            Self::List
            | Self::Get
            | Self::BulkGet
            | Self::BulkResult
            | Self::Download
            | Self::Inquiry
            | Self::InquiryByTracking => Method::GET,
            Self::Upload => Method::PUT,
            Self::Send
            | Self::Cancel
            | Self::BulkFile
            | Self::BulkStart
            | Self::Queue
            | Self::QueueLong
            | Self::SetFilter => Method::POST,
        }
    }
}
