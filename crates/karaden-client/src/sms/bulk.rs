//! Bulk sending: an upload address, the file, the start, the wait, the result file.
//!
//! ```text
//!  create_bulk_file ─▶ BulkFile ── upload_bulk(csv) ─▶ UploadedFile ── start_bulk ─▶ BulkMessage
//!                                                                                        │
//!  BulkResult ◀── download_bulk ◀── Waited<BulkMessage> ◀── wait_for_bulk ◀──────────────┘
//! ```
//!
//! Needs [`ApiVersion::V2024_03_01`](super::ApiVersion::V2024_03_01) and a contract with bulk
//! sending. The layout of the CSV file is not public and comes with the contract. `BulkCsv`, with the
//! feature `bulk-csv`, writes a file with columns that you can set.

use std::{fmt, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{
    HeaderValue, Method,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION},
};
use serde::Deserialize;
use url::Url;

use super::{
    client::{ApiVersion, Client},
    file_name::FileName,
    message::{Message, WireMessage},
    response::{self, RowError},
};
use crate::{
    engine,
    error::{Effect, Error},
    error_kind::ErrorKind,
    invalid::{Found, Invalid, Rule},
    link::Link,
    operation::{Operation, Safety},
    options::Options,
    outcome::{self, SendError, SendOutcome, UnknownSend},
    refusal::RefusalReason,
    text_type::text_type,
    time,
    transport::Response,
    waiting::{self, PollPolicy, Waited},
    wire::{self, open_enum},
};

/// The field that names the file to start.
const FILE_ID: &str = "bulk_file_id";

/// A bulk start that got a response.
pub type BulkSendOutcome = SendOutcome<BulkMessage, UploadedFile>;
/// A bulk start without a valid response.
pub type BulkSendError = SendError<UploadedFile>;
/// A bulk start whose outcome is unknown.
pub type UnknownBulkSend = UnknownSend<UploadedFile>;

/// The id of a bulk file or of a bulk send. Not secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BulkId(String);

impl BulkId {
    /// Checks an id from Karaden: 1 to 64 letters, digits, `-` or `_`.
    ///
    /// # Errors
    ///
    /// [`Rule::NotEmpty`], [`Rule::AtMost`] or [`Rule::SafeCharacters`] on field `id`.
    pub fn new(id: &str) -> Result<Self, Invalid> {
        engine::path_part("id", id).map(Self)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_type!(BulkId);

open_enum! {
    /// The progress of a bulk send.
    BulkStatus {
        /// It is waiting in the queue.
        Waiting = "waiting",
        /// Its messages are being created.
        Processing = "processing",
        /// All messages were created, some perhaps with an error.
        Done = "done",
        /// It failed as a whole.
        Error = "error",
    }
}

/// An address to upload a file to, valid for 15 minutes. It is a secret: with it, anyone can upload.
pub struct BulkFile {
    id: BulkId,
    link: Link,
    expires_at: Option<SystemTime>,
}

impl BulkFile {
    /// Returns the id of the file.
    pub fn id(&self) -> &BulkId {
        &self.id
    }

    /// Returns the instant at which the address expires.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }
}

impl fmt::Debug for BulkFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkFile").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An uploaded file, which can be started once. Not `Clone`: starting consumes it.
#[derive(Debug)]
pub struct UploadedFile {
    id: BulkId,
}

impl UploadedFile {
    /// Returns the id of the file.
    pub fn id(&self) -> &BulkId {
        &self.id
    }
}

/// A bulk send as Karaden describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BulkMessage {
    /// The id.
    pub id: BulkId,
    /// The progress.
    pub status: Option<BulkStatus>,
    /// Why it failed as a whole.
    pub error: Option<RowError>,
    /// When Karaden accepted it.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub created_at: Option<SystemTime>,
    /// When Karaden last changed it.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::rfc3339", default))]
    pub updated_at: Option<SystemTime>,
}

impl BulkMessage {
    /// Returns whether it is done or has failed.
    pub fn is_final(&self) -> bool {
        matches!(self.status, Some(BulkStatus::Done | BulkStatus::Error))
    }
}

/// The result of resolving a bulk start with an unknown outcome.
#[derive(Debug)]
#[must_use = "the bulk send may not have been started"]
pub enum BulkResolution {
    /// It is started now, and was not before.
    Started(BulkMessage),
    /// It was started before, and the response with its id is lost. The list shows its messages.
    AlreadyStarted,
    /// Karaden refuses the file as invalid, so it was not started.
    Refused(Error),
    /// The outcome is still unknown.
    Unknown(UnknownBulkSend),
}

/// The result file of a bulk send.
#[derive(Clone)]
pub struct BulkResult {
    file_name: Option<FileName>,
    bytes: Bytes,
}

impl BulkResult {
    /// Returns Karaden's name for the file, if it is a safe file name.
    pub fn file_name(&self) -> Option<&FileName> {
        self.file_name.as_ref()
    }

    /// Returns the file as received. It holds numbers and texts.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Parses the rows, in the order of the uploaded file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] if the file is not a JSON list of objects.
    pub fn rows(&self) -> Result<Vec<BulkRow>, Error> {
        let rows: Option<Vec<WireMessage<'_>>> = wire::json(&self.bytes);
        let row = |wire: WireMessage<'_>| BulkRow {
            error: wire.row_error(),
            message: wire.into_message(),
        };
        rows.map(|rows| rows.into_iter().map(row).collect()).ok_or_else(|| {
            Error::new(ErrorKind::Decode, Effect::None)
                .with_phrase("the result file is not the JSON list that the API promises")
        })
    }
}

impl fmt::Debug for BulkResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkResult")
            .field("file_name", &self.file_name)
            .field("len", &self.bytes.len())
            .finish()
    }
}

/// One row of a result file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BulkRow {
    /// The message, if the row became one.
    pub message: Option<Message>,
    /// Why the row failed.
    pub error: Option<RowError>,
}

impl Client {
    /// Requests an address to upload a file to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] with an API version before 2024-03-01, otherwise as for every
    /// call. Requesting again after an unknown outcome is harmless.
    pub async fn create_bulk_file(&self) -> Result<BulkFile, Error> {
        self.need_bulk()?;
        let request = self.engine().post_empty(self.path(&["bulks", "files"]));
        let (url, options) = (Arc::clone(&request.url), &self.engine().options);
        let parse_response = |response: &Response| bulk_file(response, &url, options);
        // It creates only an address, so it may be repeated like a read.
        self.engine()
            .call(Operation::sms("create_bulk_file", Safety::Read), request, parse_response)
            .await
    }

    /// Uploads a finished CSV file to the address.
    ///
    /// Retried after any temporary failure, because the same bytes go to the same address.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Forbidden`] if the address has expired, otherwise as for every call.
    /// Nothing is sent before [`start_bulk`](Self::start_bulk).
    pub async fn upload_bulk(
        &self,
        file: BulkFile,
        csv: impl Into<Bytes>,
    ) -> Result<UploadedFile, Error> {
        let request = self
            .engine()
            .transfer(Method::PUT, file.link, csv.into())
            .with_header(CONTENT_TYPE, HeaderValue::from_static("text/csv"));
        let parse_response = |response: &Response| match response.status() {
            200..=299 => Ok(()),
            _ => Err(engine::by_status(response)),
        };
        self.engine()
            .call(Operation::sms("upload_bulk", Safety::Read), request, parse_response)
            .await?;
        Ok(UploadedFile { id: file.id })
    }

    /// Starts sending an uploaded file.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send): [`SendError::NotSent`] returns the file,
    /// [`SendError::Unknown`] has [`resolve`](UnknownBulkSend::resolve).
    pub async fn start_bulk(&self, file: UploadedFile) -> Result<BulkSendOutcome, BulkSendError> {
        let result = self.post_bulk(&file).await;
        outcome::to_send_result(result, file)
    }

    async fn post_bulk(&self, file: &UploadedFile) -> Result<BulkMessage, Error> {
        self.need_bulk()?;
        // The id needs no escaping in a form.
        let form = format!("{FILE_ID}={}", file.id.as_str());
        let request = self.engine().post_form(self.path(&["bulks"]), form);
        self.engine().call(Operation::sms("start_bulk", Safety::Write), request, bulk_message).await
    }

    /// Reads the state of a bulk send.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown id, [`ErrorKind::Decode`] for a response about another
    /// bulk send, otherwise as for every call.
    pub async fn get_bulk(&self, id: &BulkId) -> Result<BulkMessage, Error> {
        self.need_bulk()?;
        let request = self.engine().get(self.path(&["bulks", id.as_str()]));
        let parse_response = |response: &Response| {
            let bulk = bulk_message(response)?;
            response::is_about(id.as_str(), bulk.id.as_str(), response).map(|()| bulk)
        };
        self.engine().call(Operation::sms("get_bulk", Safety::Read), request, parse_response).await
    }

    /// Waits until a bulk send is done or has failed, or the timeout of `policy` passes.
    ///
    /// # Errors
    ///
    /// As for [`wait_for_delivery`](Self::wait_for_delivery).
    ///
    /// # Cancel safety
    ///
    /// Drop the future to stop waiting.
    pub async fn wait_for_bulk(
        &self,
        id: &BulkId,
        policy: &PollPolicy,
    ) -> Result<Waited<BulkMessage>, Error> {
        waiting::poll(policy, || self.get_bulk(id), BulkMessage::is_final).await
    }

    /// Downloads the result file of a bulk send that is [done](BulkStatus::Done). Waits until Karaden
    /// has created the file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BulkFailed`] if the bulk send failed as a whole, [`ErrorKind::GaveUp`] if it is
    /// not done or the file is not ready in time, [`ErrorKind::TooLarge`] beyond
    /// [`max_download_bytes`](crate::Options::with_max_download_bytes), otherwise as for every
    /// call.
    pub async fn download_bulk(
        &self,
        id: &BulkId,
        policy: &PollPolicy,
    ) -> Result<BulkResult, Error> {
        // A bulk send that is not done, or has failed, never has a file.
        let bulk = self.get_bulk(id).await?;
        match bulk.status {
            Some(BulkStatus::Done) => {}
            Some(BulkStatus::Error) => return Err(bulk_failed(&bulk)),
            _ => {
                return Err(Error::new(ErrorKind::GaveUp, Effect::None)
                    .with_phrase("the bulk send is not done yet"));
            }
        }
        let ready = waiting::poll(policy, || self.result_link(id), Option::is_some).await?;
        let Waited::Final(Some(link)) = ready else {
            return Err(Error::new(ErrorKind::GaveUp, Effect::None)
                .with_phrase("the result file was not ready in time"));
        };
        let request = self.engine().transfer(Method::GET, link, Bytes::new());
        self.engine()
            .call(Operation::sms("download_bulk", Safety::Read), request, result_file)
            .await
    }

    /// Returns the address of the result file, or `None` while it is not ready.
    async fn result_link(&self, id: &BulkId) -> Result<Option<Link>, Error> {
        let url = self.path(&["bulks", id.as_str(), "messages"]);
        let options = &self.engine().options;
        let request = self.engine().get(url.clone());
        let parse_response = |response: &Response| match response.status() {
            202 => Ok(None),
            302 => location(response, &url, options).map(Some),
            _ => Err(response::failure(response)),
        };
        self.engine()
            .call(Operation::sms("bulk_result", Safety::Read), request, parse_response)
            .await
    }

    fn need_bulk(&self) -> Result<(), Error> {
        let first = ApiVersion::V2024_03_01;
        if self.version() < first {
            let rule = Rule::NeedsVersion(first.as_str());
            return Err(Invalid::new("Karaden-Version", rule, Found::EarlierVersion).into());
        }
        Ok(())
    }
}

impl UnknownBulkSend {
    /// Starts the file again. This is safe: Karaden starts a file once and refuses a second start with
    /// 409.
    pub async fn resolve(self, client: &Client) -> BulkResolution {
        match client.post_bulk(self.message()).await {
            Ok(bulk) => BulkResolution::Started(bulk),
            Err(error) if error.status() == Some(409) => BulkResolution::AlreadyStarted,
            // Karaden makes any other refusal, such as for a revoked token, before it looks at the
            // file. Such a refusal proves nothing about the first start.
            Err(error) if is_about_the_file(&error) => BulkResolution::Refused(error),
            Err(error) => BulkResolution::Unknown(self.with_look_up_error(error)),
        }
    }
}

fn is_about_the_file(error: &Error) -> bool {
    matches!(error.refusal(), Some(RefusalReason::Validation(fields)) if fields.iter().any(|f| f == FILE_ID))
}

#[derive(Deserialize)]
struct WireBulk {
    #[serde(default, deserialize_with = "wire::text")]
    object: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    url: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    status: Option<String>,
    #[serde(default)]
    error: Option<response::LooseProblem>,
    #[serde(default, deserialize_with = "wire::text")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    updated_at: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    expires_at: Option<String>,
}

fn bulk_file(response: &Response, from: &Url, options: &Options) -> Result<BulkFile, Error> {
    let file: WireBulk = response::success(response)?;
    let url = file.url.as_deref().and_then(|url| Url::parse(url).ok());
    let link = url.and_then(|url| Link::follow(url, from, options));
    let id = file.id.as_deref().and_then(|id| BulkId::new(id).ok());
    match (file.object.as_deref(), id, link) {
        (Some("bulk_file"), Some(id), Some(link)) => {
            let expires_at = file.expires_at.as_deref().and_then(time::parse_iso);
            Ok(BulkFile { id, link, expires_at })
        }
        _ => Err(wire::unreadable(response)),
    }
}

fn bulk_message(response: &Response) -> Result<BulkMessage, Error> {
    let bulk: WireBulk = response::success(response)?;
    let at = |text: &Option<String>| text.as_deref().and_then(time::parse_iso);
    match (bulk.object.as_deref(), bulk.id.as_deref().and_then(|id| BulkId::new(id).ok())) {
        (Some("bulk_message"), Some(id)) => Ok(BulkMessage {
            id,
            status: wire::open(bulk.status.as_deref()),
            error: bulk.error.as_ref().and_then(response::LooseProblem::row_error),
            created_at: at(&bulk.created_at),
            updated_at: at(&bulk.updated_at),
        }),
        _ => Err(wire::unreadable(response)),
    }
}

/// Returns the address in a 302.
fn location(response: &Response, from: &Url, options: &Options) -> Result<Link, Error> {
    let header = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    header
        .and_then(|text| from.join(text).ok())
        .and_then(|url| Link::follow(url, from, options))
        .ok_or_else(|| wire::unreadable(response))
}

fn result_file(response: &Response) -> Result<BulkResult, Error> {
    if response.status() != 200 {
        return Err(engine::by_status(response));
    }
    let header = response.headers().get(CONTENT_DISPOSITION);
    let text = header.and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let file_name = text.and_then(FileName::from_disposition);
    Ok(BulkResult { file_name, bytes: response.body().clone() })
}

fn bulk_failed(bulk: &BulkMessage) -> Error {
    let code = bulk.error.as_ref().and_then(|error| error.code.clone());
    let error = Error::new(ErrorKind::BulkFailed, Effect::None);
    let error = error.with_code(code.as_deref().unwrap_or(""));
    error.with_refusal(RefusalReason::Other(code))
}
