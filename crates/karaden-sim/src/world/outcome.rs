//! What becomes of a message, and when.

use serde::{Deserialize, Serialize};

use super::number::Number;
use crate::{
    config::{Delivery, DeliveryMode},
    id::mix,
    time::Instant,
};

/// The fate of a message.
///
/// A number of the form `0x0-0000-00NN` chooses it by its last two digits:
///
/// | NN | outcome | 空電プッシュ | SMS API |
/// |---|---|---|---|
/// | 01 | [`Received`](Self::Received) | 1 / 1 | done, received |
/// | 02 | [`OutOfRange`](Self::OutOfRange) | 1 / 2 | done, unconnected |
/// | 03 | [`Error`](Self::Error) | 1 / 3 | done, error |
/// | 04 | [`Unknown`](Self::Unknown) | 1 / 99 (or 4) | done, unknown |
/// | 05 | [`Silent`](Self::Silent) | 1 / 0 for ever | processing for ever |
/// | 06 | [`HistoryMismatch`](Self::HistoryMismatch) if `PermitDate` was given | 3 | received |
/// | 07 | [`SendError`](Self::SendError) | 2 | error |
/// | 08 | [`LateReceived`](Self::LateReceived) | 1 / 2, later 1 / 1 | unconnected, later received |
/// | 09 | [`Uncertain`](Self::Uncertain) | 9 | done, unknown |
/// | 10 | refused when sent | 203 | 422 |
/// | 11-15 | received by docomo, SoftBank, au, Rakuten, the optional carrier | | |
///
/// Any other number receives its messages, on a carrier that follows from its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It arrives.
    Received,
    /// The handset is off or out of range.
    OutOfRange,
    /// The carrier reports a delivery error.
    Error,
    /// The carrier never says what happened.
    Unknown,
    /// There is never a result.
    Silent,
    /// The number changed hands since consent was given; nothing is sent.
    HistoryMismatch,
    /// The carrier does not take it; nothing is sent.
    SendError,
    /// First out of range, later received.
    LateReceived,
    /// Whether it was sent is unknown.
    Uncertain,
    /// Its `limited_at` passed before it could be sent; nothing is sent.
    Expired,
}

impl Outcome {
    /// The outcome a number chooses by its own digits; `None` for ordinary numbers and for those
    /// that are not eleven digits.
    #[must_use]
    pub fn for_number(number: &str) -> Option<Self> {
        Number::parse(number).and_then(Self::of)
    }

    pub(crate) fn of(number: Number) -> Option<Self> {
        Some(match number.magic()? {
            1 | 11..=15 => Self::Received,
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

    /// Whether nothing ever leaves for the handset.
    pub(crate) const fn is_unsent(self) -> bool {
        matches!(self, Self::HistoryMismatch | Self::SendError | Self::Expired)
    }
}

/// Whether a number is refused when a message to it is sent.
pub(crate) fn is_restricted(number: Number) -> bool {
    number.magic() == Some(10)
}

/// A mobile carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
}

impl Carrier {
    /// The carrier of a number: chosen by a magic number, otherwise spread over the big four.
    pub(crate) fn of(number: Number) -> Self {
        const BIG_FOUR: [Carrier; 4] =
            [Carrier::Docomo, Carrier::Softbank, Carrier::Au, Carrier::Rakuten];
        match number.magic() {
            Some(12) => Self::Softbank,
            Some(13) => Self::Au,
            Some(14) => Self::Rakuten,
            Some(15) => Self::Option,
            Some(_) => Self::Docomo,
            None => BIG_FOUR[(mix(number.key()) % 4) as usize],
        }
    }

    /// The name people know it by.
    pub(crate) const fn display_name(self) -> &'static str {
        match self {
            Self::Docomo => "docomo",
            Self::Softbank => "SoftBank",
            Self::Au => "au",
            Self::Rakuten => "Rakuten",
            Self::Option => "Y!mobile",
        }
    }

    /// The name the SMS API uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docomo => "docomo",
            Self::Softbank => "softbank",
            Self::Au => "au",
            Self::Rakuten => "rakuten",
            Self::Option => "option",
        }
    }
}

/// What a button of the inbox page does to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intervention {
    Deliver,
    OutOfRange,
    Fail,
}

/// The timeline of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) outcome: Outcome,
    /// When the carrier has it; for an unsent one, when it fails.
    pub(crate) sent_at: Instant,
    /// When it is known whose customer the number is: halfway to the usual time of the answer.
    pub(crate) carrier_at: Instant,
    /// When the carrier answers.
    pub(crate) result_at: Instant,
    /// When an out-of-range handset comes back.
    pub(crate) back_at: Instant,
    /// Waits for the next message to the same number, to arrive after it.
    pub(crate) swaps: bool,
}

impl Plan {
    /// The timeline of a message that is to leave at `start` and no later than `limited_at`.
    pub(crate) fn new(
        number: Number,
        start: Instant,
        limited_at: Option<Instant>,
        checks_history: bool,
        delivery: &Delivery,
    ) -> Self {
        let sent_at = start.plus(delivery.sent_after);
        let mut plan = Self {
            outcome: Outcome::of(number).unwrap_or(Outcome::Received),
            sent_at,
            carrier_at: sent_at.plus(delivery.result_after / 2),
            result_at: sent_at.plus(delivery.result_after),
            back_at: Instant::NEVER,
            swaps: false,
        };
        if plan.outcome == Outcome::HistoryMismatch && !checks_history {
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
            plan.back_at = plan.result_at.plus(delivery.late_after);
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
                self.swaps = true;
            }
        }
    }

    /// When the text is on the handset, if ever.
    pub(crate) fn arrives_at(&self) -> Option<Instant> {
        let at = match self.outcome {
            Outcome::Received => self.result_at,
            Outcome::LateReceived => self.back_at,
            _ => return None,
        };
        (at != Instant::NEVER).then_some(at)
    }

    /// The instants at which there is a (new) result to tell.
    pub(crate) fn results(&self) -> impl Iterator<Item = Instant> + use<> {
        let first = self.result_at;
        let second = Some(self.back_at).filter(|_| self.outcome == Outcome::LateReceived);
        [Some(first), second].into_iter().flatten().filter(|at| *at != Instant::NEVER)
    }

    /// What a hand does to a message: it takes effect at once.
    pub(crate) fn change(&mut self, what: Intervention, now: Instant) {
        self.outcome = match what {
            Intervention::Deliver => Outcome::Received,
            Intervention::OutOfRange => Outcome::OutOfRange,
            Intervention::Fail => Outcome::Error,
        };
        self.sent_at = self.sent_at.min(now);
        self.carrier_at = self.carrier_at.min(now);
        self.result_at = now;
        self.back_at = Instant::NEVER;
        self.swaps = false;
    }

    /// The instants at which something visible changes.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Instant> {
        [self.sent_at, self.result_at, self.back_at].into_iter().filter(|at| *at != Instant::NEVER)
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
        Plan::new(Number::parse(number).unwrap(), START, None, true, &delivery)
    }

    fn after(seconds: u64) -> Instant {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn an_ordinary_number_receives_in_time() {
        let plan = plan("09012345678", DeliveryMode::Normal);
        assert_eq!((plan.sent_at, plan.arrives_at()), (after(1), Some(after(3))));
    }

    #[test]
    fn modes_change_what_becomes_of_it() {
        let arrives = |mode| plan("09012345678", mode).arrives_at();
        assert_eq!(arrives(DeliveryMode::Late), Some(after(63)));
        assert_eq!(arrives(DeliveryMode::OutOfOrder), Some(after(63)));
        assert_eq!(arrives(DeliveryMode::Hold), None);
        assert_eq!(arrives(DeliveryMode::OutOfRange), None);
        assert_eq!(plan("09012345678", DeliveryMode::Error).outcome, Outcome::Error);
    }

    #[test]
    fn a_handset_out_of_range_can_come_back() {
        let plan = plan("09000000008", DeliveryMode::Normal);
        assert_eq!((plan.result_at, plan.arrives_at()), (after(3), Some(after(63))));
    }

    #[test]
    fn the_last_moment_for_sending_is_kept() {
        let number = Number::parse("09012345678").unwrap();
        let delivery = Delivery { sent_after: Duration::from_secs(1), ..Delivery::default() };
        let outcome = |limit| Plan::new(number, START, Some(limit), false, &delivery).outcome;
        assert_eq!(outcome(after(1)), Outcome::Received);
        assert_eq!(outcome(after(1).minus(Duration::from_millis(1))), Outcome::Expired);
    }

    #[test]
    fn history_is_checked_only_on_demand() {
        let number = Number::parse("09000000006").unwrap();
        let outcome = |checks| Plan::new(number, START, None, checks, &Delivery::default()).outcome;
        assert_eq!(outcome(true), Outcome::HistoryMismatch);
        assert_eq!(outcome(false), Outcome::Received);
    }
}
