//! The messages of the inbox, for the page and for programs.

use serde::{Deserialize, Serialize};

use crate::{
    id::Id,
    operation::Api,
    shared::Shared,
    time::Instant,
    world::{Carrier, History, Message, Number, Outcome, Selection, Stage},
};

/// Maximum count of messages in one response.
pub(super) const MAX_MESSAGES: usize = 1_000;

/// A message of the inbox, in the form of `/inbox.json`. `Debug` shows neither number nor text.
///
/// ```
/// use karaden_sim::{Api, InboxMessage, MessageState};
///
/// // From GET /inbox.json?all=1
/// let json = r#"{"id":"km8a1f","to":"09012345678","body":"123456","api":"push","carrier":"au",
///     "received_at":null,"accepted_at":"2026-01-01T09:00:00+09:00","state":"out_of_range",
///     "parts":1,"tags":["20260101"]}"#;
/// let message: InboxMessage = serde_json::from_str(json)?;
/// assert_eq!((message.api, message.state), (Api::Push, MessageState::OutOfRange));
/// assert!(!format!("{message:?}").contains("123456"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InboxMessage {
    /// The id that the API returned.
    pub id: String,
    /// The phone number, eleven digits.
    pub to: String,
    /// The text as delivered.
    pub body: String,
    /// The API that accepted it.
    pub api: Api,
    /// The carrier of the number.
    pub carrier: Carrier,
    /// When it arrived, ISO 8601 with Japan's offset; `None` if it has not.
    pub received_at: Option<String>,
    /// When the API accepted it, ISO 8601 with Japan's offset.
    pub accepted_at: String,
    /// How far it is.
    pub state: MessageState,
    /// The number of parts.
    pub parts: u16,
    /// Its tags, or its tracking code.
    pub tags: Vec<String>,
}

/// How far a message is. JSON has the names in snake case, such as `out_of_range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MessageState {
    /// Accepted or reserved, but not yet sent to the carrier.
    Waiting,
    /// Cancelled before it was sent.
    Canceled,
    /// Sent to the carrier, without a result yet.
    Sent,
    /// It arrived.
    Received,
    /// The handset is off or out of range.
    OutOfRange,
    /// The carrier reported a delivery error.
    Error,
    /// The carrier reported that the result is unknown.
    Unknown,
    /// Not sent: the number changed hands after the consent.
    HistoryMismatch,
    /// Not sent: the carrier rejected it.
    SendError,
    /// Not sent: `limited_at` passed.
    Expired,
}

impl std::fmt::Debug for InboxMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboxMessage")
            .field("id", &self.id)
            .field("api", &self.api)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Returns the messages that have arrived by `now`, the last to arrive first.
pub(crate) fn arrived(shared: &Shared, to: Option<&str>, now: Instant) -> Vec<InboxMessage> {
    let world = shared.world();
    let mut arrived: Vec<_> = newest_messages(&world.history, to)
        .filter_map(|message| Some((message.arrived_at(now)?, message)))
        .collect();
    arrived.sort_by_key(|(at, message)| std::cmp::Reverse((*at, message.sequence)));
    arrived.into_iter().map(|(_, message)| describe(message, now)).collect()
}

/// Returns all messages, arrived or not, the last accepted first.
pub(crate) fn all_messages(shared: &Shared, to: Option<&str>, now: Instant) -> Vec<InboxMessage> {
    let world = shared.world();
    newest_messages(&world.history, to).map(|message| describe(message, now)).collect()
}

/// Iterates over the newest messages of a number, or of all numbers; none if `to` is not a number.
pub(super) fn newest_messages<'a>(
    history: &'a History,
    to: Option<&str>,
) -> impl Iterator<Item = &'a Message> {
    let selection = match to.map(Number::read) {
        None => Some(Selection::All),
        Some(number) => number.map(Selection::Number),
    };
    selection.into_iter().flat_map(|selection| history.newest_first(selection)).take(MAX_MESSAGES)
}

fn describe(message: &Message, now: Instant) -> InboxMessage {
    InboxMessage {
        id: public_id(message),
        to: message.request.to.as_str().to_owned(),
        body: message.body().to_owned(),
        api: message.request.owner.api,
        carrier: message.carrier,
        received_at: message.arrived_at(now).map(|at| at.iso().to_string()),
        accepted_at: message.accepted_at.iso().to_string(),
        state: MessageState::of(message.stage(now)),
        parts: message.parts(),
        tags: message.request.tags.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn public_id(message: &Message) -> String {
    match message.request.owner.api {
        Api::Sms => message.id.to_string(),
        Api::Push => message.id.push(),
    }
}

/// Parses the id of either API.
pub(crate) fn parse_id(text: &str) -> Option<Id> {
    Id::parse(text).or_else(|| Id::parse_push(text))
}

impl MessageState {
    const fn of(stage: Stage) -> Self {
        match stage {
            Stage::Waiting => Self::Waiting,
            Stage::Canceled => Self::Canceled,
            Stage::Sent | Stage::Final(Outcome::Silent) => Self::Sent,
            Stage::Final(outcome) => match outcome {
                Outcome::Received => Self::Received,
                Outcome::OutOfRange | Outcome::LateReceived => Self::OutOfRange,
                Outcome::Error => Self::Error,
                Outcome::HistoryMismatch => Self::HistoryMismatch,
                Outcome::SendError => Self::SendError,
                Outcome::Expired => Self::Expired,
                Outcome::Unknown | Outcome::Uncertain | Outcome::Silent => Self::Unknown,
            },
        }
    }
}
