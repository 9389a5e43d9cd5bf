//! The messages of the inbox, for the page and for programs.

use serde::{Deserialize, Serialize};

use crate::{
    operation::Api,
    shared::Shared,
    time::Instant,
    world::{Carrier, History, Message, Number, Outcome, Selection, Stage},
};

/// Maximum count of messages in one response.
pub(super) const MAX_MESSAGES: usize = 1_000;

/// A message of the inbox. `Debug` shows neither number nor text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The state: `waiting`, `canceled`, `sent`, `received`, `out_of_range`, `error`, `unknown`,
    /// `history_mismatch`, `send_error` or `expired`.
    pub state: String,
    /// The number of parts.
    pub segments: u16,
    /// Its tags, or its tracking code.
    pub tags: Vec<String>,
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
pub(super) fn all_messages(shared: &Shared, to: Option<&str>, now: Instant) -> Vec<InboxMessage> {
    let world = shared.world();
    newest_messages(&world.history, to).map(|message| describe(message, now)).collect()
}

/// Iterates over the newest messages of a number, or of all numbers; none if `to` is not a number.
pub(super) fn newest_messages<'a>(
    history: &'a History,
    to: Option<&str>,
) -> impl Iterator<Item = &'a Message> {
    let selection = match to.map(Number::parse) {
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
        state: state_name(message.stage(now)).to_owned(),
        segments: message.parts(),
        tags: message.request.tags.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn public_id(message: &Message) -> String {
    match message.request.owner.api {
        Api::Sms => message.id.to_string(),
        Api::Push => message.id.push(),
    }
}

const fn state_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::Canceled => "canceled",
        Stage::Sent | Stage::Final(Outcome::Silent) => "sent",
        Stage::Final(outcome) => match outcome {
            Outcome::Received => "received",
            Outcome::OutOfRange | Outcome::LateReceived => "out_of_range",
            Outcome::Error => "error",
            Outcome::HistoryMismatch => "history_mismatch",
            Outcome::SendError => "send_error",
            Outcome::Expired => "expired",
            Outcome::Unknown | Outcome::Uncertain | Outcome::Silent => "unknown",
        },
    }
}
