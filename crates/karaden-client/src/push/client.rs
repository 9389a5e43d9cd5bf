//! The client of 空電プッシュ v2.

use std::{
    collections::HashSet,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded::Serializer};

use super::{
    delivery::{Delivery, MessageId, Tracked, WireDelivery},
    new_message::{CarrierField, NewMessage, TrackingCode},
    outcome::{Accepted, Resolution, SendError, SendOutcome, UnknownSend},
    response,
};
use crate::{
    engine::{self, Engine},
    error::{Effect, Error, ErrorKind},
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
/// How far around `now` a message is looked for.
const LOOK_AROUND: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// Starts a client for this base URL (it differs between contracts, and ends in `/v2/`),
    /// access key and security code.
    pub fn builder(
        base_url: impl Into<String>,
        token: impl Into<SecretString>,
        security_code: impl Into<SecretString>,
    ) -> ClientBuilder {
        ClientBuilder {
            base_url: base_url.into(),
            token: token.into(),
            security_code: security_code.into(),
            carrier_fields: CarrierField::USUAL.to_vec(),
            tracks_single_messages: false,
            setup: Setup::default(),
        }
    }

    /// Sends one message: `karadenqueue`, or `sepakaradenqueue` for a
    /// [long one](NewMessage::long).
    ///
    /// Tried again only where the message surely did not arrive: no connection, or HTTP 429.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSent`](crate::SendError::NotSent) gives the message back.
    /// [`SendError::Unknown`](crate::SendError::Unknown) keeps it: [resolve](UnknownSend::resolve)
    /// it, never build the same message again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the outcome unknown; a unique tracking code finds it later with
    /// [`find_by_tracking_code`](Self::find_by_tracking_code).
    pub async fn send(&self, message: NewMessage) -> Result<SendOutcome, SendError> {
        let (path, name) = if message.is_long() {
            ("sepakaradenqueue.json", "send_long")
        } else {
            ("karadenqueue.json", "send")
        };
        let request = self.inner.engine.post_form(self.url(path), self.form_of(&message));
        let result =
            self.inner.engine.call(Operation::push(name, Safety::Write), request, accepted).await;
        outcome::to_send_result(result, message)
    }

    /// Asks what became of a message (`karadeninquiry`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown id, otherwise as for every call.
    pub async fn inquire(&self, id: &MessageId) -> Result<Delivery, Error> {
        let url = self.inquiry_url(id);
        let request = self.inner.engine.get(url);
        let parse_response = |response: &Response| {
            response::success::<WireDelivery>(response).map(WireDelivery::into_delivery)
        };
        self.inner
            .engine
            .call(Operation::push("inquire", Safety::Read), request, parse_response)
            .await
    }

    /// Waits until nothing more will change about a message, or the policy gives up.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] and other lasting errors at once; [`ErrorKind::GaveUp`] if the time
    /// is up and the message could not be read even once.
    ///
    /// # Cancel safety
    ///
    /// Drop the future to stop waiting.
    pub async fn wait_for_delivery(
        &self,
        id: &MessageId,
        policy: &PollPolicy,
    ) -> Result<Waited<Delivery>, Error> {
        waiting::poll(policy, || self.inquire(id), Delivery::is_final).await
    }

    /// All messages with this tracking code that were sent between two instants, whole minutes in
    /// Japan (`karadeninquiry_tr`, all of its pages); each message once.
    ///
    /// It reads on until it has as many records as were announced, or a page brings nothing new.
    /// That nothing is found proves of a single message that it was not sent only if the service
    /// [tracks](Self::tracks_single_messages) those.
    ///
    /// # Errors
    ///
    /// As for every call; [`ErrorKind::TooLarge`] after 100 pages; [`ErrorKind::Decode`] if nothing
    /// was found although records were announced or came without a usable id, or if a page says
    /// neither that there are none nor which there are.
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
            let tracked = rows.into_iter().filter_map(WireDelivery::into_tracked);
            found.extend(tracked.filter(|one| seen.insert(one.message_id.clone())));
            let last = i64::try_from(start - 1).unwrap_or(i64::MAX);
            if found.len() > before && maxrecord.is_none_or(|max| max > last) {
                continue;
            }
            // Records that cannot be read, or do not come, are not absent.
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

    /// The form of one send. Made apart from the call, because a serializer is not `Sync`: a future
    /// that held one could not move between threads.
    fn form_of(&self, message: &NewMessage) -> String {
        let mut form = self.credentials(String::with_capacity(1024));
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

    /// Whether the contract was
    /// [declared](ClientBuilder::with_tracked_single_messages) to keep the tracking code of single
    /// messages, so that a single message that is not found was not sent.
    pub fn tracks_single_messages(&self) -> bool {
        self.inner.tracks_single_messages
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The access key and the security code.
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
    list: Option<Vec<WireDelivery>>,
}

/// The answer shows no message, but not that there is none: taken for absence, it would let a
/// message that was sent be sent again.
fn no_proof_of_absence() -> Error {
    Error::new(ErrorKind::Decode, Effect::None)
        .with_phrase("the answer does not tell which messages there are")
}

/// The service may have ignored the code, and have the message nevertheless.
fn may_be_untracked() -> Error {
    Error::new(ErrorKind::GaveUp, Effect::None)
        .with_phrase("not found, but the service may ignore the tracking codes of single messages")
}

fn accepted(response: &Response) -> Result<Accepted, Error> {
    let queued: WireQueued = response::success(response)?;
    let message_id = queued.message_id.as_deref().and_then(MessageId::new);
    Ok(Accepted { message_id: message_id.ok_or_else(|| wire::unreadable(response))? })
}

impl UnknownSend {
    /// Looks the message up by its tracking code, in the day before and after `now`, until it is
    /// found, surely absent, or the policy gives up.
    ///
    /// Without a [unique](TrackingCode::unique) tracking code nothing can be looked up, and the
    /// outcome stays unknown at once. And a single message that is not found stays unknown unless
    /// the client [tracks](Client::tracks_single_messages) those: in public the code was seen with
    /// [long](NewMessage::long) texts only, and a service that ignores it elsewhere has sent the
    /// message and does not find it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the message too; the code finds it later with
    /// [`Client::find_by_tracking_code`].
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
        let from = now.checked_sub(LOOK_AROUND).unwrap_or(now);
        let to = now.checked_add(LOOK_AROUND).unwrap_or(now);
        let shows_absence = self.message().is_long() || client.tracks_single_messages();
        outcome::resolve(self, policy, || async {
            let found = client.find_by_tracking_code(&code, from, to).await?;
            match found.into_iter().next() {
                Some(tracked) => Ok(Some(Accepted { message_id: tracked.message_id })),
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
    base_url: String,
    token: SecretString,
    security_code: SecretString,
    carrier_fields: Vec<CarrierField>,
    tracks_single_messages: bool,
    setup: Setup,
}

impl ClientBuilder {
    /// Which parameters the text of a single message goes out in. Default: docomo, SoftBank, au and
    /// the optional carrier, which is what a public integration sends.
    ///
    /// Change it if valid texts are refused as
    /// [`InvalidText`](crate::RefusalReason::InvalidText): the contract may demand
    /// [`Rakuten`](CarrierField::Rakuten) too, or know fewer. A message without a text for Rakuten
    /// gets docomo's.
    pub fn with_carrier_fields(mut self, fields: impl IntoIterator<Item = CarrierField>) -> Self {
        self.carrier_fields = fields.into_iter().collect();
        self
    }

    /// Declares that your contract keeps the tracking code of single messages (`karadenqueue`) too,
    /// so that one that is not found was not sent. Default: not declared.
    ///
    /// Public integrations show the code with long texts only. Try it out before you declare it:
    /// send a single message with a code, and find it with
    /// [`find_by_tracking_code`](Client::find_by_tracking_code).
    pub fn with_tracked_single_messages(mut self) -> Self {
        self.tracks_single_messages = true;
        self
    }

    setup_methods!();

    /// The client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for an unusable URL, proxy or certificate, empty credentials, or no
    /// carrier fields.
    pub fn build(self) -> Result<Client, Error> {
        let base = engine::base_url(&self.base_url, self.setup.options.allow_http)?;
        if self.token.expose_secret().is_empty() || self.security_code.expose_secret().is_empty() {
            return Err(Error::config("the token and the security code must not be empty"));
        }
        if self.carrier_fields.is_empty() {
            return Err(Error::config("a text needs at least one carrier field to go out in"));
        }
        let engine = Engine::new(self.setup, HeaderMap::new())?;
        let Self { token, security_code, carrier_fields, tracks_single_messages, .. } = self;
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

/// Every call may run on any thread: a program that spawns one does not compile otherwise.
const _: fn(&Client, NewMessage, &MessageId, &TrackingCode, SystemTime) =
    |client, message, id, code, at| {
        fn is_send(_: impl Send) {}
        is_send(client.send(message));
        is_send(client.inquire(id));
        is_send(client.find_by_tracking_code(code, at, at));
    };
