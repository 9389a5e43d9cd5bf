//! The client of the SMS API.

use std::{fmt, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    message::{Message, MessageId, Status, WireMessage},
    new_message::{NewMessage, ServiceId, Tag},
    outcome::{Resolution, SendError, SendOutcome, UnknownSend},
    response,
};
use crate::{
    engine::{self, Engine},
    environment::{self, Variables},
    error::{Effect, Error},
    error_kind::ErrorKind,
    operation::{Operation, Safety},
    outcome::{self, ResolvePolicy},
    refusal::RefusalReason,
    setup::{Setup, setup_methods},
    transport::Response,
    waiting::{self, PollPolicy, Waited},
    wire,
};

const DEFAULT_BASE_URL: &str = "https://prg.karaden.jp/api";
const VERSION_HEADER: HeaderName = HeaderName::from_static("karaden-version");
const AGENT_HEADER: HeaderName = HeaderName::from_static("karaden-client-user-agent");

/// A client of the Karaden SMS API. Cheap to clone; clones share their connections.
///
/// Needs a Tokio runtime with its timer.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    service_id: ServiceId,
    version: ApiVersion,
    messages: Arc<Url>,
}

impl Client {
    /// Starts building a client for this tenant, token and service setting.
    pub fn builder(
        tenant_id: impl Into<String>,
        token: impl Into<SecretString>,
        service_id: ServiceId,
    ) -> ClientBuilder {
        ClientBuilder {
            tenant_id: tenant_id.into(),
            token: token.into(),
            service_id,
            base_url: DEFAULT_BASE_URL.to_owned(),
            version: ApiVersion::V2024_03_01,
            setup: Setup::default(),
        }
    }

    /// Sends or reserves one message.
    ///
    /// Retried only if the message was definitely not sent: no connection, or HTTP 429.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSent`](crate::SendError::NotSent) returns the message.
    /// [`SendError::Unknown`](crate::SendError::Unknown) keeps it: [resolve](UnknownSend::resolve) it,
    /// and do not build the same message again.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the outcome is unknown. [`find_by_tag`](Self::find_by_tag) finds the
    /// message later.
    pub async fn send(&self, message: NewMessage) -> Result<SendOutcome, SendError> {
        let engine = &self.inner.engine;
        let form = message.to_form(self.inner.service_id);
        let request = engine.post_form(Arc::clone(&self.inner.messages), form);
        let accepted = |response: &Response| message_tagged(message.tag(), response);
        let result = engine.call(Operation::sms("send", Safety::Write), request, accepted).await;
        outcome::to_send_result(result, message)
    }

    /// Reads a message.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown id or one of another
    /// project, otherwise as for every call.
    pub async fn get(&self, id: &MessageId) -> Result<Message, Error> {
        let request = self.inner.engine.get(self.path(&[id.as_str()]));
        let parse_response = |response: &Response| message_of(id, response);
        self.inner.engine.call(Operation::sms("get", Safety::Read), request, parse_response).await
    }

    /// Cancels a reserved message, which Karaden allows until five minutes before `scheduled_at`.
    ///
    /// Cancelling twice is harmless. If the response is lost, or Karaden refuses because the message
    /// cannot be cancelled, the message is read. If it is cancelled, the call succeeds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) with
    /// [`NotCancellable`](crate::RefusalReason::NotCancellable) if it is too late,
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown id, otherwise as for every
    /// call.
    pub async fn cancel(&self, id: &MessageId) -> Result<Message, Error> {
        let request = self.inner.engine.post_empty(self.path(&[id.as_str(), "cancel"]));
        let operation = Operation::sms("cancel", Safety::Write);
        let parse_response = |response: &Response| message_of(id, response);
        let too_late = Some(&RefusalReason::NotCancellable);
        let error = match self.inner.engine.call(operation, request, parse_response).await {
            Err(error) if error.is_outcome_unknown() || error.refusal() == too_late => error,
            known => return known,
        };
        match self.get(id).await {
            Ok(message) if message.status == Some(Status::Canceled) => Ok(message),
            _ => Err(error),
        }
    }

    /// Waits until the state of a message [is final](Message::is_final), or the timeout of `policy` passes.
    ///
    /// `now` is the instant at which the call begins. A message that is not found counts as not visible
    /// yet during the [unseen window](PollPolicy::with_unseen_window) of `policy`, 30 s by default.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] after that window, and other lasting errors at once.
    /// [`ErrorKind::GaveUp`] if the timeout passes before the message could be read once.
    ///
    /// # Cancel safety
    ///
    /// Drop the future to stop waiting.
    pub async fn wait_for_delivery(
        &self,
        id: &MessageId,
        policy: &PollPolicy,
        now: SystemTime,
    ) -> Result<Waited<Message>, Error> {
        waiting::poll_at(policy, now, || self.get(id), Message::is_final).await
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(super) fn version(&self) -> ApiVersion {
        self.inner.version
    }

    /// Returns the URL of the messages with these segments added. They must be safe in a path.
    pub(super) fn path(&self, segments: &[&str]) -> Url {
        let mut url = Url::clone(&self.inner.messages);
        let path = segments.iter().fold(url.path().to_owned(), |path, part| path + "/" + part);
        url.set_path(&path);
        url
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("sms::Client")
            .field("host", &self.inner.messages.host_str())
            .field("service_id", &self.inner.service_id)
            .finish_non_exhaustive()
    }
}

impl UnknownSend {
    /// Looks the message up by its tag until it is found or definitely absent, or the timeout of
    /// `policy` passes.
    ///
    /// `now` protects against a tag that is not unique: a message that Karaden accepted more than one day
    /// before `now` is not this one. If there are only such messages, the outcome stays unknown.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message is dropped too. [`Client::find_by_tag`] finds it later.
    pub async fn resolve(
        self,
        client: &Client,
        policy: &ResolvePolicy,
        now: SystemTime,
    ) -> Resolution {
        let tag = self.message().tag().clone();
        let oldest = now.checked_sub(outcome::LOOK_AROUND).unwrap_or(now);
        let is_recent = |message: &Message| message.created_at.is_none_or(|at| at >= oldest);
        outcome::resolve(self, policy, || async {
            let found = client.list_tagged(&tag).await?;
            let is_absent = found.is_empty();
            match found.into_iter().find(is_recent) {
                None if !is_absent => Err(Error::new(ErrorKind::GaveUp, Effect::None)
                    .with_phrase("the tag is not unique: an older message has it")),
                found => Ok(found),
            }
        })
        .await
    }
}

fn one_message(response: &Response) -> Result<Message, Error> {
    let message: WireMessage<'_> = response::success(response)?;
    message.into_message().ok_or_else(|| wire::unreadable(response))
}

/// Returns the message in the response to a send with `tag`.
///
/// A server may write to a kept connection just when the client sends a request on it. The client then
/// takes those bytes for the response. If they describe a message with other tags, they prove nothing
/// about this message.
fn message_tagged(tag: &Tag, response: &Response) -> Result<Message, Error> {
    let message = one_message(response)?;
    let is_ours = message.tags.iter().any(|found| found.eq_ignore_ascii_case(tag.as_str()));
    if is_ours || message.tags.is_empty() {
        return Ok(message);
    }
    Err(response::about_another_message(response))
}

/// Returns the message in the response to a request about the message `id`.
fn message_of(id: &MessageId, response: &Response) -> Result<Message, Error> {
    let message = one_message(response)?;
    response::is_about(id.as_str(), message.id.as_str(), response).map(|()| message)
}

/// Builds a [`Client`].
#[must_use = "call `build`"]
pub struct ClientBuilder {
    tenant_id: String,
    token: SecretString,
    service_id: ServiceId,
    base_url: String,
    version: ApiVersion,
    setup: Setup,
}

impl ClientBuilder {
    /// Starts building a client from environment variables: `KARADEN_TENANT`, `KARADEN_TOKEN` and
    /// `KARADEN_SERVICE_ID`, and `KARADEN_BASE_URL` if it is set. White space around a value is dropped. An
    /// empty variable counts as absent.
    ///
    /// ```no_run
    /// use karaden_client::sms;
    ///
    /// let client = sms::ClientBuilder::from_env()?.build()?;
    /// # Ok::<(), karaden_client::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), whose text names the variable that is missing,
    /// not Unicode or not a service id. It never shows a value.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(&Variables::of_the_process())
    }

    pub(crate) fn from_variables(variables: &Variables) -> Result<Self, Error> {
        let tenant = variables.required("KARADEN_TENANT")?;
        let token = variables.required("KARADEN_TOKEN")?;
        let service_id = variables.required("KARADEN_SERVICE_ID")?;
        let service_id = service_id.parse().ok().and_then(|id| ServiceId::new(id).ok());
        let not_an_id = || environment::problem("KARADEN_SERVICE_ID", "is not a positive number");
        let builder = Client::builder(tenant, token, service_id.ok_or_else(not_an_id)?);
        Ok(match variables.optional("KARADEN_BASE_URL")? {
            Some(base_url) => builder.with_base_url(base_url),
            None => builder,
        })
    }

    /// Sets another base URL, up to and including `/api`, such as that of a simulator.
    ///
    /// Default `https://prg.karaden.jp/api`. `http:` is allowed on loopback only, see
    /// [`Options::dangerous_allow_http`](crate::Options::dangerous_allow_http).
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// Sets the version of the API. Default 2024-03-01.
    pub fn with_version(mut self, version: ApiVersion) -> Self {
        self.version = version;
        self
    }

    setup_methods!();

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an unusable URL, tenant or token.
    pub fn build(self) -> Result<Client, Error> {
        let mut messages = engine::base_url(&self.base_url, self.setup.options.allow_http)?;
        let tenant = engine::path_part("tenant_id", &self.tenant_id)
            .map_err(|_hidden| Error::config("the tenant id is not valid in a path"))?;
        let path = format!("{}{tenant}/messages", messages.path());
        messages.set_path(&path);
        if self.token.expose_secret().trim().is_empty() {
            return Err(Error::config("the token is missing"));
        }
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let mut headers = HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, engine::secret_header(&bearer)?);
        headers.insert(VERSION_HEADER, HeaderValue::from_static(self.version.as_str()));
        headers.insert(AGENT_HEADER, HeaderValue::from_static(AGENT));
        let engine = Engine::new(self.setup, headers)?;
        let (service_id, version, messages) = (self.service_id, self.version, Arc::new(messages));
        let inner = Inner { engine, service_id, version, messages };
        Ok(Client { inner: Arc::new(inner) })
    }
}

/// The JSON with which the vendor's SDKs identify themselves, without the name of the host.
const AGENT: &str =
    concat!("{\"bindings_version\":\"", env!("CARGO_PKG_VERSION"), "\",\"language\":\"Rust\"}");

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("sms::ClientBuilder")
            .field("version", &self.version)
            .field("service_id", &self.service_id)
            .finish_non_exhaustive()
    }
}

/// The versions of the SMS API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ApiVersion {
    /// Send, list, get, cancel.
    V2023_01_01,
    /// Adds `is_shorten_clicked`.
    V2023_12_01,
    /// Adds bulk sending and the status `processing_error`.
    V2024_03_01,
}

impl ApiVersion {
    /// Returns the value of the header `Karaden-Version`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2023_01_01 => "2023-01-01",
            Self::V2023_12_01 => "2023-12-01",
            Self::V2024_03_01 => "2024-03-01",
        }
    }
}
