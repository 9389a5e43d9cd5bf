//! The outcome of a message, and the instants of its delivery.

use serde::{Deserialize, Serialize};

use super::number::Number;
use crate::{
    config::{Delivery, DeliveryMode},
    id::mix,
    time::{Day, Instant},
};

/// The outcome of a message.
///
/// A magic number, `0x0-0000-00NN`, selects it by its last two digits. The columns show
/// `messagestatus` / `resultstatus` of 空電プッシュ, and `status`, `sent_result` of the SMS API:
///
/// | NN | outcome | 空電プッシュ | SMS API |
/// |---|---|---|---|
/// | 01 | [`Received`](Self::Received) | 1 / 1 | done, received |
/// | 02 | [`OutOfRange`](Self::OutOfRange) | 1 / 2 | done, unconnected |
/// | 03 | [`Error`](Self::Error) | 1 / 3 | done, error |
/// | 04 | [`Unknown`](Self::Unknown) | 1 / 99 (or 4) | done, unknown |
/// | 05 | [`Silent`](Self::Silent) | 1 / 0 forever | done, none forever |
/// | 06 | [`HistoryMismatch`](Self::HistoryMismatch) if `PermitDate` was given and is not later than [`changed_hands_on`](crate::Delivery::changed_hands_on) | 3 / 0 | done, received |
/// | 07 | [`SendError`](Self::SendError) | 2 / 0 | error, none |
/// | 08 | [`LateReceived`](Self::LateReceived); out of range for good if `limited_at` comes first | 1 / 2, later 1 / 1 | done, unconnected, later received |
/// | 09 | [`Uncertain`](Self::Uncertain) | 9 / 0 | done, unknown |
/// | 10 | the send is rejected | `status` 203 | 422 |
/// | 11 to 16 | [`Received`](Self::Received) by docomo, SoftBank, au, Rakuten, the optional carrier, `international` | 1 / 1 | done, received |
///
/// Any other number receives its messages, from a carrier that depends on its digits.
///
/// ```
/// use karaden_sim::Outcome;
///
/// assert_eq!(Outcome::for_number("09000000002"), Some(Outcome::OutOfRange));
/// assert_eq!(Outcome::for_number("07000000013"), Some(Outcome::Received));
/// assert_eq!(Outcome::for_number("09012345678"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The message arrives.
    Received,
    /// The handset is off or out of range.
    OutOfRange,
    /// The carrier reports a delivery error.
    Error,
    /// The carrier reports that the result is unknown.
    Unknown,
    /// The carrier never reports a result.
    Silent,
    /// The number has another owner than when consent was given. Nothing is sent.
    HistoryMismatch,
    /// The carrier rejects the message. Nothing is sent.
    SendError,
    /// Out of range first, received later: [`Delivery::late_after`](crate::Delivery::late_after) after
    /// the first result, unless `limited_at` comes before that.
    LateReceived,
    /// It is unknown whether the message was sent.
    Uncertain,
    /// `limited_at` passed before the message could be sent. Nothing is sent.
    Expired,
}

impl Outcome {
    /// Returns the outcome that a magic number selects; `None` for any other text.
    #[must_use]
    pub fn for_number(number: &str) -> Option<Self> {
        Number::parse(number).and_then(Self::of)
    }

    pub(crate) fn of(number: Number) -> Option<Self> {
        Some(match number.magic()? {
            1 | 11..=16 => Self::Received,
            2 => Self::OutOfRange,
            3 => Self::Error,
            4 => Self::Unknown,
            5 => Self::Silent,
            6 => Self::HistoryMismatch,
            7 => Self::SendError,
            8 => Self::LateReceived,
            9 => Self::Uncertain,
            _ => return None,
        })
    }

    /// Whether the message is never sent to the carrier.
    pub(crate) const fn is_unsent(self) -> bool {
        matches!(self, Self::HistoryMismatch | Self::SendError | Self::Expired)
    }
}

/// Whether each send to this number is rejected.
pub(crate) fn is_restricted(number: Number) -> bool {
    number.magic() == Some(10)
}

/// A mobile carrier, by the names of the SMS API.
///
/// ```
/// assert_eq!(karaden_sim::Carrier::Softbank.as_str(), "softbank");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Carrier {
    /// NTT docomo.
    Docomo,
    /// SoftBank.
    Softbank,
    /// au (KDDI).
    Au,
    /// Rakuten Mobile.
    Rakuten,
    /// The optional carrier of the push API (Y!mobile).
    Option,
    /// A carrier abroad. Only the vendor's Node SDK has this name.
    International,
}

impl Carrier {
    /// Returns the carrier of a number: magic numbers select it, others are spread over four.
    pub(crate) fn of(number: Number) -> Self {
        const OTHERS: [Carrier; 4] =
            [Carrier::Docomo, Carrier::Softbank, Carrier::Au, Carrier::Rakuten];
        match number.magic() {
            Some(12) => Self::Softbank,
            Some(13) => Self::Au,
            Some(14) => Self::Rakuten,
            Some(15) => Self::Option,
            Some(16) => Self::International,
            Some(_) => Self::Docomo,
            None => OTHERS[(mix(number.key()) % 4) as usize],
        }
    }

    /// Returns the brand name.
    pub(crate) const fn display_name(self) -> &'static str {
        match self {
            Self::Docomo => "docomo",
            Self::Softbank => "SoftBank",
            Self::Au => "au",
            Self::Rakuten => "Rakuten",
            Self::Option => "Y!mobile",
            Self::International => "International",
        }
    }

    /// Returns the name that the SMS API uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docomo => "docomo",
            Self::Softbank => "softbank",
            Self::Au => "au",
            Self::Rakuten => "rakuten",
            Self::Option => "option",
            Self::International => "international",
        }
    }
}

/// What [`Sim::intervene`](crate::Sim::intervene) and the buttons of the inbox page do to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Intervention {
    /// The message arrives now.
    Deliver,
    /// The carrier reports now that the handset is off or out of range.
    OutOfRange,
    /// The carrier reports a delivery error now.
    Fail,
}

/// The timeline of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) outcome: Outcome,
    /// When it is sent to the carrier, or fails without being sent.
    pub(crate) sent_at: Instant,
    /// When the carrier of the number is determined: halfway between `sent_at` and the normal time
    /// of the result.
    pub(crate) carrier_known_at: Instant,
    /// When the carrier reports the result.
    pub(crate) result_at: Instant,
    /// When the handset of a [`LateReceived`](Outcome::LateReceived) message is in range again.
    pub(crate) back_in_range_at: Instant,
    /// Whether it waits for the next message to the same number, to arrive after that one.
    pub(crate) waits_for_next: bool,
}

impl Plan {
    /// Plans a message that is accepted for sending at `start`, but not after `limited_at`.
    pub(crate) fn new(
        number: Number,
        start: Instant,
        limited_at: Option<Instant>,
        consent_on: Option<Day>,
        delivery: &Delivery,
    ) -> Self {
        let sent_at = start.plus(delivery.sent_after);
        let mut plan = Self {
            outcome: Outcome::of(number).unwrap_or(Outcome::Received),
            sent_at,
            carrier_known_at: sent_at.plus(delivery.result_after / 2),
            result_at: sent_at.plus(delivery.result_after),
            back_in_range_at: Instant::NEVER,
            waits_for_next: false,
        };
        let is_blocked = consent_on.is_some_and(|day| delivery.changed_hands_since(day));
        if plan.outcome == Outcome::HistoryMismatch && !is_blocked {
            plan.outcome = Outcome::Received;
        }
        plan.apply(delivery);
        if limited_at.is_some_and(|limit| limit < sent_at) {
            plan.outcome = Outcome::Expired;
        }
        if plan.outcome.is_unsent() {
            plan.result_at = sent_at;
        }
        if plan.outcome == Outcome::Silent {
            plan.result_at = Instant::NEVER;
        }
        if plan.outcome == Outcome::LateReceived {
            let back_at = plan.result_at.plus(delivery.late_after);
            if limited_at.is_some_and(|limit| limit < back_at) {
                plan.outcome = Outcome::OutOfRange;
            } else {
                plan.back_in_range_at = back_at;
            }
        }
        plan
    }

    fn apply(&mut self, delivery: &Delivery) {
        match delivery.mode {
            DeliveryMode::Normal => {}
            DeliveryMode::Late => self.result_at = self.result_at.plus(delivery.late_after),
            DeliveryMode::Hold => self.result_at = Instant::NEVER,
            DeliveryMode::OutOfRange => self.outcome = Outcome::OutOfRange,
            DeliveryMode::Error => self.outcome = Outcome::Error,
            DeliveryMode::OutOfOrder => {
                self.result_at = self.result_at.plus(delivery.late_after);
                self.waits_for_next = true;
            }
        }
    }

    /// Returns when the text arrives at the handset; `None` if it never does.
    pub(crate) fn arrives_at(&self) -> Option<Instant> {
        let at = match self.outcome {
            Outcome::Received => self.result_at,
            Outcome::LateReceived => self.back_in_range_at,
            _ => return None,
        };
        (at != Instant::NEVER).then_some(at)
    }

    /// Returns the instants at which a result becomes known.
    pub(crate) fn result_times(&self) -> impl Iterator<Item = Instant> + use<> {
        let first = self.result_at;
        let second = Some(self.back_in_range_at).filter(|_| self.outcome == Outcome::LateReceived);
        [Some(first), second].into_iter().flatten().filter(|at| *at != Instant::NEVER)
    }

    /// Applies a button of the inbox page, with effect at `now`.
    pub(crate) fn intervene(&mut self, action: Intervention, now: Instant) {
        self.outcome = match action {
            Intervention::Deliver => Outcome::Received,
            Intervention::OutOfRange => Outcome::OutOfRange,
            Intervention::Fail => Outcome::Error,
        };
        self.sent_at = self.sent_at.min(now);
        self.carrier_known_at = self.carrier_known_at.min(now);
        self.result_at = now;
        self.back_in_range_at = Instant::NEVER;
        self.waits_for_next = false;
    }

    /// Returns the instants at which the inbox page changes.
    pub(crate) fn change_times(&self) -> impl Iterator<Item = Instant> {
        [self.sent_at, self.result_at, self.back_in_range_at]
            .into_iter()
            .filter(|at| *at != Instant::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    const START: Instant = Instant::from_millis(1_000_000);

    fn plan(number: &str, mode: DeliveryMode) -> Plan {
        let delivery = Delivery {
            sent_after: Duration::from_secs(1),
            result_after: Duration::from_secs(2),
            mode,
            ..Delivery::default()
        };
        Plan::new(Number::parse(number).unwrap(), START, None, None, &delivery)
    }

    fn after(seconds: u64) -> Instant {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn an_ordinary_number_receives_at_the_normal_time() {
        let plan = plan("09012345678", DeliveryMode::Normal);
        assert_eq!((plan.sent_at, plan.arrives_at()), (after(1), Some(after(3))));
    }

    #[test]
    fn each_delivery_mode_changes_the_plan() {
        let arrives = |mode| plan("09012345678", mode).arrives_at();
        assert_eq!(arrives(DeliveryMode::Late), Some(after(63)));
        assert_eq!(arrives(DeliveryMode::OutOfOrder), Some(after(63)));
        assert_eq!(arrives(DeliveryMode::Hold), None);
        assert_eq!(arrives(DeliveryMode::OutOfRange), None);
        assert_eq!(plan("09012345678", DeliveryMode::Error).outcome, Outcome::Error);
    }

    #[test]
    fn a_late_received_message_arrives_when_in_range_again() {
        let plan = plan("09000000008", DeliveryMode::Normal);
        assert_eq!((plan.result_at, plan.arrives_at()), (after(3), Some(after(63))));
    }

    #[test]
    fn a_message_that_cannot_be_sent_by_limited_at_expires() {
        let number = Number::parse("09012345678").unwrap();
        let delivery = Delivery { sent_after: Duration::from_secs(1), ..Delivery::default() };
        let outcome = |limit| Plan::new(number, START, Some(limit), None, &delivery).outcome;
        assert_eq!(outcome(after(1)), Outcome::Received);
        assert_eq!(outcome(after(1).minus(Duration::from_millis(1))), Outcome::Expired);
    }

    #[test]
    fn a_handset_that_is_back_in_range_after_limited_at_stays_out_of_range() {
        let number = Number::parse("09000000008").unwrap();
        let delivery = Delivery::default();
        let plan = |limit| Plan::new(number, START, Some(limit), None, &delivery);
        assert_eq!(plan(after(60)).arrives_at(), Some(after(60)), "limited_at itself is in time");
        let early = plan(after(60).minus(Duration::from_millis(1)));
        assert_eq!((early.outcome, early.arrives_at()), (Outcome::OutOfRange, None));
        assert_eq!(early.result_times().count(), 1);
    }

    #[test]
    fn number_history_is_checked_only_on_request() {
        let number = Number::parse("09000000006").unwrap();
        let outcome = |consent_on, delivery: Delivery| {
            Plan::new(number, START, None, consent_on, &delivery).outcome
        };
        let [before, day, after] = [1, 2, 3].map(|day| Day::new(2026, 4, day).ok());
        let unknown = Delivery::default();
        assert_eq!(outcome(None, unknown), Outcome::Received);
        assert_eq!(outcome(after, unknown), Outcome::HistoryMismatch);
        let known = unknown.with_changed_hands_on(day.unwrap());
        assert_eq!(outcome(before, known), Outcome::HistoryMismatch);
        assert_eq!(outcome(day, known), Outcome::HistoryMismatch, "the day itself is too early");
        assert_eq!(outcome(after, known), Outcome::Received);
        assert_eq!(outcome(None, known), Outcome::Received);
    }
}
