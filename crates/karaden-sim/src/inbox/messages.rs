//! The messages of the phone, for the page and for programs.

use serde::{Deserialize, Serialize};

use crate::{
    operation::Api,
    shared::Shared,
    time::Instant,
    world::{Carrier, History, Message, Number, Outcome, Selection, Stage},
};

/// Most messages shown at a time.
pub(super) const MOST_SHOWN: usize = 1_000;

/// A message as the inbox tells it. `Debug` shows neither number nor text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMessage {
    /// The id the API gave out for it.
    pub id: String,
    /// The number, eleven digits.
    pub to: String,
    /// The text as delivered.
    pub body: String,
    /// The API it was sent by.
    pub api: Api,
    /// Where it was delivered.
    pub carrier: Carrier,
    /// When it arrived, ISO 8601 in Japan; `None` if it has not.
    pub received_at: Option<String>,
    /// When the API accepted it, ISO 8601 in Japan.
    pub accepted_at: String,
    /// The state: `waiting`, `sent`, `received`, `out_of_range`, `error`, `unknown`, `canceled` …
    pub state: String,
    /// The parts it was sent in.
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

/// Messages that are on a handset by `now`, the last to arrive first.
pub(crate) fn arrived(shared: &Shared, to: Option<&str>, now: Instant) -> Vec<InboxMessage> {
    let world = shared.world();
    let mut arrived: Vec<_> = walk(&world.history, to)
        .filter_map(|message| Some((message.arrived_at(now)?, message)))
        .collect();
    arrived.sort_by_key(|(at, message)| std::cmp::Reverse((*at, message.sequence)));
    arrived.into_iter().map(|(_, message)| describe(message, now)).collect()
}

/// Every message, arrived or not, the last accepted first.
pub(super) fn everything(shared: &Shared, to: Option<&str>, now: Instant) -> Vec<InboxMessage> {
    let world = shared.world();
    walk(&world.history, to).map(|message| describe(message, now)).collect()
}

/// The newest messages of a number, or of all.
pub(super) fn walk<'a>(
    history: &'a History,
    to: Option<&str>,
) -> impl Iterator<Item = &'a Message> {
    let along = match to.map(Number::parse) {
        None => Some(Selection::All),
        Some(number) => number.map(Selection::Number),
    };
    along.into_iter().flat_map(|along| history.newest_first(along)).take(MOST_SHOWN)
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
