//! The client of 空電プッシュ v2.

use std::{collections::HashSet, fmt, sync::Arc, time::SystemTime};

use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded::Serializer};

use super::{
    credentials::Credentials,
    new_message::{CarrierField, NewMessage, TrackingCode},
    outcome::{Accepted, Resolution, SendError, SendOutcome, UnknownSend},
    report::{MessageId, MessageReport, Tracked, WireReport},
    response,
};
use crate::{
    engine::{self, Engine},
    environment::Variables,
    error::{Effect, Error},
    error_kind::ErrorKind,
    operation::{Operation, Safety},
    outcome::{self, ResolvePolicy},
    setup::{Setup, setup_methods},
    time,
    transport::Response,
    waiting::{self, PollPolicy, Waited},
    wire,
};

/// The most pages read for one tracking code.
const MAX_PAGES: usize = 100;
/// Room for a form with one text for each carrier. A `String` that grows leaves a copy of the
/// credentials in freed memory.
const FORM_BYTES: usize = 4096;

/// A client of 空電プッシュ v2. Cheap to clone; clones share their connections.
///
/// Needs a Tokio runtime with its timer.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    base: Url,
    token: SecretString,
    security_code: SecretString,
    carrier_fields: Vec<CarrierField>,
    tracks_single_messages: bool,
}

impl Client {
    /// Starts building a client for this contract.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder {
            credentials,
            carrier_fields: CarrierField::USUAL.to_vec(),
            tracks_single_messages: false,
            setup: Setup::default(),
        }
    }

    /// Sends one message: `karadenqueue`, or `sepakaradenqueue` for a
    /// [long one](NewMessage::long).
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
    /// If the future is dropped, the outcome is unknown.
    /// [`find_by_tracking_code`](Self::find_by_tracking_code) finds a message with a unique tracking
    /// code later.
    pub async fn send(&self, message: NewMessage) -> Result<SendOutcome, SendError> {
        let (path, name) = if message.is_long() {
            ("sepakaradenqueue.json", "send_long")
        } else {
            ("karadenqueue.json", "send")
        };
        let request = self.inner.engine.post_form(self.url(path), self.form_of(&message));
        let parts = message.parts();
        let parse_response = |response: &Response| accepted(parts, response);
        let operation = Operation::push(name, Safety::Write);
        let result = self.inner.engine.call(operation, request, parse_response).await;
        outcome::to_send_result(result, message)
    }

    /// Reads the state of a message (`karadeninquiry`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown id, otherwise as for every call.
    pub async fn inquire(&self, id: &MessageId) -> Result<MessageReport, Error> {
        let url = self.inquiry_url(id);
        let request = self.inner.engine.get(url);
        let parse_response = |response: &Response| {
            response::success::<WireReport>(response).map(WireReport::into_report)
        };
        self.inner
            .engine
            .call(Operation::push("inquire", Safety::Read), request, parse_response)
            .await
    }

    /// Waits until the state of a message [is final](MessageReport::is_final), or the timeout of `policy` passes.
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
    ) -> Result<Waited<MessageReport>, Error> {
        waiting::poll_at(policy, now, || self.inquire(id), MessageReport::is_final).await
    }

    /// Returns all messages with this tracking code that were sent between two instants, each message
    /// once (`karadeninquiry_tr`, all pages). The instants are cut to minutes.
    ///
    /// It reads pages until it has as many records as were announced, or a page adds nothing. An empty
    /// result proves that a single message was not sent only if the service
    /// [tracks](Self::tracks_single_messages) single messages.
    ///
    /// # Errors
    ///
    /// As for every call. [`ErrorKind::TooLarge`] after 100 pages. [`ErrorKind::Decode`] if nothing was
    /// found although records were announced or came without a usable id, or if a page has neither
    /// records nor the count 0.
    pub async fn find_by_tracking_code(
        &self,
        code: &TrackingCode,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Vec<Tracked>, Error> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut start = 1;
        for _ in 0..MAX_PAGES {
            let WireTracked { maxrecord, list } = self.tracked_page(code, from, to, start).await?;
            let none = || (maxrecord == Some(0)).then(Vec::new);
            let rows = list.or_else(none).ok_or_else(no_proof_of_absence)?;
            start += rows.len();
            let before = found.len();
            let tracked = rows.into_iter().filter_map(WireReport::into_tracked);
            found.extend(tracked.filter(|one| seen.insert(one.message_id.clone())));
            let last = i64::try_from(start - 1).unwrap_or(i64::MAX);
            if found.len() > before && maxrecord.is_none_or(|max| max > last) {
                continue;
            }
            // A record that is unreadable, or announced but missing, does not prove that the message is absent.
            let none_came = last == 0 && maxrecord.is_none_or(|max| max <= 0);
            if found.is_empty() && !none_came {
                return Err(no_proof_of_absence());
            }
            return Ok(found);
        }
        Err(Error::new(ErrorKind::TooLarge, Effect::None))
    }

    async fn tracked_page(
        &self,
        code: &TrackingCode,
        from: SystemTime,
        to: SystemTime,
        start: usize,
    ) -> Result<WireTracked, Error> {
        let url = self.tracked_url(code, from, to, start)?;
        let mut request = self.inner.engine.get(url);
        request.max_body_bytes = request.max_body_bytes.saturating_mul(8);
        let operation = Operation::push("find_by_tracking_code", Safety::Read);
        self.inner.engine.call(operation, request, response::success).await
    }

    /// Makes the form of one send. Not part of the call, because a serializer is not `Sync`: a future
    /// that held one could not move between threads.
    fn form_of(&self, message: &NewMessage) -> String {
        let mut form = self.credentials(String::with_capacity(FORM_BYTES));
        message.append_to(&mut form, &self.inner.carrier_fields);
        form.append_pair("format", "json");
        form.finish()
    }

    fn tracked_url(
        &self,
        code: &TrackingCode,
        from: SystemTime,
        to: SystemTime,
        start: usize,
    ) -> Result<Url, Error> {
        let minute =
            |at| time::minute(at).ok_or_else(|| Error::config("an instant is out of range"));
        let mut query = self.credentials(String::new());
        query
            .append_pair("TrackingCode", code.as_str())
            .append_pair("Startcount", &start.to_string())
            .append_pair("Startdate", &minute(from)?)
            .append_pair("Enddate", &minute(to)?)
            .append_pair("format", "json");
        let mut url = self.url("karadeninquiry_tr.json");
        url.set_query(Some(&query.finish()));
        Ok(url)
    }

    fn inquiry_url(&self, id: &MessageId) -> Url {
        let mut query = self.credentials(String::new());
        query.append_pair("messageId", id.as_str()).append_pair("format", "json");
        let mut url = self.url("karadeninquiry.json");
        url.set_query(Some(&query.finish()));
        url
    }

    /// Returns whether the contract was [declared](ClientBuilder::with_tracked_single_messages) to
    /// store the tracking codes of single messages. Then a single message that is not found was not
    /// sent.
    pub fn tracks_single_messages(&self) -> bool {
        self.inner.tracks_single_messages
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// Returns the access key and the security code.
    pub(super) fn expose_credentials(&self) -> (&str, &str) {
        (self.inner.token.expose_secret(), self.inner.security_code.expose_secret())
    }

    fn credentials(&self, buffer: String) -> Serializer<'static, String> {
        let (token, security_code) = self.expose_credentials();
        let mut form = Serializer::new(buffer);
        form.append_pair("Token", token).append_pair("SecurityCode", security_code);
        form
    }

    pub(super) fn url(&self, operation: &str) -> Url {
        let mut url = self.inner.base.clone();
        let path = format!("{}{operation}", url.path());
        url.set_path(&path);
        url
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("push::Client")
            .field("host", &self.inner.base.host_str())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct WireQueued {
    #[serde(default, rename = "messageId", deserialize_with = "wire::text")]
    message_id: Option<String>,
}

#[derive(Deserialize)]
struct WireTracked {
    #[serde(default, deserialize_with = "wire::number")]
    maxrecord: Option<i64>,
    #[serde(default)]
    list: Option<Vec<WireReport>>,
}

/// Returns the error for a page that has no messages, but does not prove that none exist. If the page
/// counted as a proof, a message could be sent twice.
fn no_proof_of_absence() -> Error {
    Error::new(ErrorKind::Decode, Effect::None)
        .with_phrase("the response does not show which messages exist")
}

/// Returns the error for a message that is not found, where the service may ignore its tracking code.
fn may_be_untracked() -> Error {
    Error::new(ErrorKind::GaveUp, Effect::None)
        .with_phrase("not found, but the service may ignore the tracking codes of single messages")
}

fn accepted(parts: usize, response: &Response) -> Result<Accepted, Error> {
    let queued: WireQueued = response::success(response)?;
    let message_id = queued.message_id.as_deref().and_then(|id| MessageId::new(id).ok());
    Ok(Accepted { message_id: message_id.ok_or_else(|| wire::unreadable(response))?, parts })
}

impl UnknownSend {
    /// Looks the message up by its tracking code, from one day before `now` to one day after, until it
    /// is found or definitely absent, or the timeout of `policy` passes.
    ///
    /// Without a [unique](TrackingCode::is_unique) tracking code there is nothing to look up: the outcome
    /// stays unknown. A single message that is not found stays unknown too, unless the client
    /// [tracks](Client::tracks_single_messages) single messages. Public integrations show the code with
    /// [long](NewMessage::long) texts only. A service that ignores the code does not find the message,
    /// although it has the message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message is dropped too. [`Client::find_by_tracking_code`] finds it
    /// later.
    pub async fn resolve(
        self,
        client: &Client,
        policy: &ResolvePolicy,
        now: SystemTime,
    ) -> Resolution {
        let Some(code) = self.message().tracking_code().filter(|code| code.is_unique()).cloned()
        else {
            let why = Error::new(ErrorKind::GaveUp, Effect::None)
                .with_phrase("the message has no unique tracking code");
            return Resolution::Unknown(self.with_look_up_error(why));
        };
        let from = now.checked_sub(outcome::LOOK_AROUND).unwrap_or(now);
        let to = now.checked_add(outcome::LOOK_AROUND).unwrap_or(now);
        let shows_absence = self.message().is_long() || client.tracks_single_messages();
        let parts = self.message().parts();
        outcome::resolve(self, policy, || async {
            let found = client.find_by_tracking_code(&code, from, to).await?;
            match found.into_iter().next() {
                Some(tracked) => Ok(Some(Accepted { message_id: tracked.message_id, parts })),
                None if shows_absence => Ok(None),
                None => Err(may_be_untracked()),
            }
        })
        .await
    }
}

/// Builds a [`Client`].
#[must_use = "call `build`"]
pub struct ClientBuilder {
    credentials: Credentials,
    carrier_fields: Vec<CarrierField>,
    tracks_single_messages: bool,
    setup: Setup,
}

impl ClientBuilder {
    /// Starts building a client from environment variables: `KARADEN_PUSH_BASE_URL`,
    /// `KARADEN_PUSH_TOKEN` and `KARADEN_PUSH_SECURITY_CODE`. White space around a value is dropped. An empty
    /// variable counts as absent.
    ///
    /// ```no_run
    /// use karaden_client::push;
    ///
    /// let client = push::ClientBuilder::from_env()?.build()?;
    /// # Ok::<(), karaden_client::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], whose text names the variable that is missing or not Unicode. It never
    /// shows a value.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(&Variables::of_the_process())
    }

    pub(crate) fn from_variables(variables: &Variables) -> Result<Self, Error> {
        let credentials = Credentials::new()
            .with_base_url(variables.required("KARADEN_PUSH_BASE_URL")?)
            .with_token(variables.required("KARADEN_PUSH_TOKEN")?)
            .with_security_code(variables.required("KARADEN_PUSH_SECURITY_CODE")?);
        Ok(Client::builder(credentials))
    }

    /// Sets the parameters that carry the text of a single message. Default: docomo, SoftBank, au and
    /// the optional carrier, as in a public integration.
    ///
    /// Change it if valid texts are refused as [`InvalidText`](crate::RefusalReason::InvalidText): the
    /// contract may require [`Rakuten`](CarrierField::Rakuten) too, or have fewer. A message without a
    /// text for Rakuten uses docomo's.
    pub fn with_carrier_fields(mut self, fields: impl IntoIterator<Item = CarrierField>) -> Self {
        self.carrier_fields = fields.into_iter().collect();
        self
    }

    /// Declares that your contract stores the tracking codes of single messages (`karadenqueue`) too.
    /// Then a single message that is not found counts as not sent. Default: not declared.
    ///
    /// Public integrations show the code with long texts only. Check it before you declare it: send a
    /// single message with a code, and find it with
    /// [`find_by_tracking_code`](Client::find_by_tracking_code).
    pub fn with_tracked_single_messages(mut self) -> Self {
        self.tracks_single_messages = true;
        self
    }

    setup_methods!();

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for an unusable or missing URL, missing credentials, or no carrier fields.
    pub fn build(self) -> Result<Client, Error> {
        let Credentials { base_url, token, security_code } = self.credentials;
        let base = engine::base_url(&base_url, self.setup.options.allow_http)?;
        if token.expose_secret().trim().is_empty() {
            return Err(Error::config("the token is missing"));
        }
        if security_code.expose_secret().trim().is_empty() {
            return Err(Error::config("the security code is missing"));
        }
        if self.carrier_fields.is_empty() {
            return Err(Error::config("a text needs at least one carrier field"));
        }
        let engine = Engine::new(self.setup, HeaderMap::new())?;
        let Self { carrier_fields, tracks_single_messages, .. } = self;
        let inner =
            Inner { engine, base, token, security_code, carrier_fields, tracks_single_messages };
        Ok(Client { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("push::ClientBuilder").finish_non_exhaustive()
    }
}

// Compiles only if the futures are `Send`, so that a program can spawn them.
const _: fn(&Client, NewMessage, &MessageId, &TrackingCode, SystemTime) =
    |client, message, id, code, at| {
        fn is_send(_: impl Send) {}
        is_send(client.send(message));
        is_send(client.inquire(id));
        is_send(client.find_by_tracking_code(code, at, at));
    };
