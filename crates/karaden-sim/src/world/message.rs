//! A message and its state at an instant.

use super::{
    number::Number,
    outcome::{Carrier, Outcome, Plan},
    short::ShortKey,
    text::{parts, utf16_units},
};
use crate::{
    id::{Id, Sequence},
    operation::Api,
    time::{Day, Instant},
};

/// The project or account that a message belongs to, by its index in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) api: Api,
    pub(crate) index: u16,
}

/// The text of a message, which can differ between carriers.
pub(crate) enum Texts {
    /// One text for all carriers.
    One(Box<str>),
    /// In the order docomo, SoftBank, au, optional carrier, Rakuten; an empty string if not given.
    PerCarrier(Box<[Box<str>; 5]>),
}

impl Texts {
    /// Replaces each text by what `change` returns for it.
    pub(crate) fn map(self, mut change: impl FnMut(&str) -> String) -> Self {
        match self {
            Self::One(text) => Self::One(change(&text).into()),
            Self::PerCarrier(texts) => {
                Self::PerCarrier(Box::new(texts.map(|text| change(&text).into())))
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::One(text) => text.len(),
            Self::PerCarrier(texts) => texts.iter().map(|text| text.len()).sum(),
        }
    }

    /// Returns the text given for this carrier; an empty string if none was given.
    pub(crate) fn given(&self, carrier: Carrier) -> &str {
        match self {
            Self::One(text) => text,
            Self::PerCarrier(texts) => match carrier {
                Carrier::Docomo => &texts[0],
                Carrier::Softbank => &texts[1],
                Carrier::Au => &texts[2],
                // The one integration that is known sends this text to every other carrier.
                Carrier::Option | Carrier::International => &texts[3],
                Carrier::Rakuten => &texts[4],
            },
        }
    }

    /// Returns the text that customers of this carrier get. If none was given for this carrier, it
    /// is the first one given.
    pub(crate) fn of(&self, carrier: Carrier) -> &str {
        match (self.given(carrier), self) {
            ("", Self::PerCarrier(texts)) => {
                texts.iter().find(|text| !text.is_empty()).map_or("", |text| text)
            }
            (given, _) => given,
        }
    }
}

/// The memory of a message without texts and tags, with its places in the tables of the history.
const BYTES_PER_MESSAGE: usize = 512;
/// The memory of a tag without its text, with its place in the table of the history.
const BYTES_PER_TAG: usize = 96;

/// What a sender asks for, after all checks.
pub(crate) struct SendRequest {
    pub(crate) owner: Owner,
    pub(crate) to: Number,
    pub(crate) texts: Texts,
    /// The tags of the SMS API, or the tracking code of the push API.
    pub(crate) tags: Box<[Box<str>]>,
    /// The service setting; 0 in the push API, which has none.
    pub(crate) service_id: u64,
    pub(crate) is_shorten: bool,
    /// When the owner of the number gave consent: the message is sent only if the number has not
    /// changed hands since. `None`: it is sent in any case.
    pub(crate) consent_on: Option<Day>,
    /// How many parts the sender split the text into; `None` if the carrier splits it.
    pub(crate) parts: Option<u16>,
    pub(crate) scheduled_at: Option<Instant>,
    pub(crate) limited_at: Option<Instant>,
    /// When the bulk send of this message is done. The message is not sent earlier, but unlike
    /// `scheduled_at` this is not a reservation: the API does not show it.
    pub(crate) not_before: Option<Instant>,
}

impl SendRequest {
    /// Asks to send `texts` now, without any option.
    pub(crate) fn new(owner: Owner, to: Number, texts: Texts) -> Self {
        Self {
            owner,
            to,
            texts,
            tags: Box::default(),
            service_id: 0,
            is_shorten: false,
            consent_on: None,
            parts: None,
            scheduled_at: None,
            limited_at: None,
            not_before: None,
        }
    }

    /// Estimates the memory that the message takes: texts and tags of any count and length, and what surrounds
    /// them.
    pub(crate) fn bytes(&self) -> usize {
        let tags: usize = self.tags.iter().map(|tag| BYTES_PER_TAG + tag.len()).sum();
        BYTES_PER_MESSAGE + self.texts.bytes() + tags
    }

    /// Returns the earliest instant of sending.
    pub(crate) fn earliest(&self, now: Instant) -> Instant {
        [self.scheduled_at, self.not_before].into_iter().flatten().fold(now, Ord::max)
    }
}

/// An accepted message.
pub(crate) struct Message {
    pub(crate) id: Id,
    pub(crate) sequence: Sequence,
    /// The request as accepted, with its URLs shortened if it asked for that.
    pub(crate) request: SendRequest,
    pub(crate) carrier: Carrier,
    pub(crate) short_keys: Box<[ShortKey]>,
    /// Clicks on all its short URLs.
    pub(crate) clicks: u32,
    pub(crate) accepted_at: Instant,
    pub(crate) canceled_at: Option<Instant>,
    pub(crate) plan: Plan,
}

/// How far a message is.
///
/// ```text
/// Waiting ──▶ Sent ──▶ Final(outcome) ──▶ Final(Received)   (only `LateReceived`)
///    ├──▶ Canceled
///    └──▶ Final(unsent outcome)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Accepted or reserved, but not yet sent to the carrier.
    Waiting,
    /// Cancelled before it was sent.
    Canceled,
    /// Sent to the carrier, without a result yet.
    Sent,
    /// The result is known. `LateReceived` is shown as `OutOfRange` first and as `Received` later.
    Final(Outcome),
}

impl Message {
    /// Returns the text for the carrier of this number.
    pub(crate) fn body(&self) -> &str {
        self.request.texts.of(self.carrier)
    }

    /// Returns into how many parts the text is split.
    pub(crate) fn parts(&self) -> u16 {
        let split = || u16::try_from(parts(utf16_units(self.body()))).unwrap_or(u16::MAX);
        self.request.parts.unwrap_or_else(split)
    }

    pub(crate) fn stage(&self, now: Instant) -> Stage {
        if self.canceled_at.is_some() {
            return Stage::Canceled;
        }
        if now < self.plan.sent_at {
            return Stage::Waiting;
        }
        if now < self.plan.result_at {
            return Stage::Sent;
        }
        Stage::Final(match self.plan.outcome {
            Outcome::LateReceived if now < self.plan.back_in_range_at => Outcome::OutOfRange,
            Outcome::LateReceived => Outcome::Received,
            outcome => outcome,
        })
    }

    /// Returns when the text arrived at the handset; `None` if it has not by `now`.
    pub(crate) fn arrived_at(&self, now: Instant) -> Option<Instant> {
        let at = self.plan.arrives_at().filter(|at| *at <= now)?;
        self.canceled_at.is_none().then_some(at)
    }

    /// Returns when it was sent to the carrier; `None` if it was not by `now`.
    pub(crate) fn sent_at(&self, now: Instant) -> Option<Instant> {
        let sent = match self.stage(now) {
            Stage::Sent => true,
            Stage::Final(outcome) => !outcome.is_unsent(),
            _ => false,
        };
        sent.then_some(self.plan.sent_at)
    }

    /// Returns the instant of the last change up to `now`.
    pub(crate) fn updated_at(&self, now: Instant) -> Instant {
        let steps = self.plan.change_times().filter(|at| *at <= now).max();
        self.canceled_at.or(steps).unwrap_or(self.accepted_at).max(self.accepted_at)
    }

    pub(crate) fn has_tag(&self, text: &str) -> bool {
        self.request.tags.iter().any(|tag| **tag == *text)
    }

    /// Whether an [`Intervention`](super::Intervention) can still change the delivery.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        matches!(self.stage(now), Stage::Waiting | Stage::Sent | Stage::Final(Outcome::OutOfRange))
    }
}
