//! The pages of the factor, as data.

use std::time::SystemTime;

use mfa_plugin_api::{
    Action, ActionId, Denied, Field, FieldKind, Message, Notice, Prompt, Rejection, RejectionKind,
    Unavailable,
};
use otp_core::{Challenge, DeliveryStatus, Malformed, Policy};

use crate::{limits::SendLimit, state::Sent};

/// The name of the field for the code.
pub(crate) const CODE: &str = "code";
/// Sends the same code again.
pub(crate) const RESEND: ActionId = ActionId::from_static("resend");
/// Opens a new challenge in place of one that cannot be used any more.
pub(crate) const NEW_CODE: ActionId = ActionId::from_static("new-code");

/// The data of the page that asks for a code.
#[derive(Debug)]
pub(crate) struct CodePage<'a> {
    pub(crate) challenge: &'a Challenge,
    pub(crate) policy: &'a Policy,
    pub(crate) digits: u8,
    /// The last digits of the number.
    pub(crate) to: String,
    pub(crate) sender_number: Option<&'a str>,
    pub(crate) sent: Sent,
}

impl CodePage<'_> {
    pub(crate) fn prompt(&self) -> Prompt {
        let sent = match (self.sent, self.challenge.delivery()) {
            (Sent::Accepted, _) | (Sent::Unknown, DeliveryStatus::Delivered) => "otp-sent",
            (Sent::Unknown, _) => "otp-sending",
        };
        let expires_at = self.challenge.expires_at();
        let field = Field::new(
            CODE,
            FieldKind::OneTimeCode { digits: self.digits },
            Message::new("otp-label"),
        )
        .with_hint(Message::new("otp-hint").with("expires", expires_at));
        let mut prompt = Prompt::new(Message::new("otp-title"))
            .with_text(
                Message::new(sent)
                    .with("to", self.to.clone())
                    .with("digits", u64::from(self.digits)),
            )
            .with_text(Message::new("otp-warning"))
            .with_field(field)
            .with_action(self.way_to_another_message())
            .with_expires_at(expires_at)
            .with_help_title(Message::new("otp-help-title"))
            .with_help(Message::new("otp-help-delay"))
            .with_help(Message::new("otp-help-signal"))
            .with_help(Message::new("otp-help-filter"));
        if let Some(number) = self.sender_number {
            let sender = Message::new("otp-help-sender").with("number", number.to_owned());
            prompt = prompt.with_help(sender);
        }
        prompt = prompt.with_help(Message::new("otp-help-kinds"));
        prompt.notice = delivery_notice(self.challenge.delivery());
        prompt
    }

    fn way_to_another_message(&self) -> Action {
        match self.challenge.resend_at(self.policy) {
            Some(at) => Action::new(RESEND, Message::new("otp-resend")).with_available_at(at),
            None => Action::new(NEW_CODE, Message::new("otp-new-code")),
        }
    }
}

fn delivery_notice(delivery: DeliveryStatus) -> Option<Notice> {
    let key = match delivery {
        DeliveryStatus::Delivered => "otp-delivered",
        DeliveryStatus::OutOfRange => "otp-out-of-range",
        DeliveryStatus::Failed => "otp-not-delivered",
        _ => return None,
    };
    Some(Notice::new(Message::new(key)))
}

/// Makes the page for a code that cannot be used any more. It offers a new code.
pub(crate) fn needs_new_code(why: Ended) -> Prompt {
    let rejection = match why {
        Ended::Exhausted => {
            Rejection::new(RejectionKind::Wrong, Message::new("otp-exhausted")).with_field(CODE)
        }
        Ended::Expired => Rejection::new(RejectionKind::Expired, Message::new("otp-expired")),
    };
    Prompt::new(Message::new("otp-title-new"))
        .with_action(Action::new(NEW_CODE, Message::new("otp-new-code")))
        .with_rejection(rejection)
}

/// How a challenge ended without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every attempt was used.
    Exhausted,
    /// Too old, replaced by a newer one, or answered already.
    Expired,
}

pub(crate) fn resent(sent: Sent) -> Notice {
    Notice::new(Message::new(match sent {
        Sent::Accepted => "otp-resent",
        Sent::Unknown => "otp-resending",
    }))
}

pub(crate) fn new_code_sent(sent: Sent) -> Notice {
    Notice::new(Message::new(match sent {
        Sent::Accepted => "otp-new-code-sent",
        Sent::Unknown => "otp-new-code-sending",
    }))
}

pub(crate) fn malformed(why: Malformed, digits: u8) -> Rejection {
    let message = match why {
        Malformed::Empty => Message::new("otp-empty"),
        _ => Message::new("otp-malformed").with("digits", u64::from(digits)),
    };
    Rejection::new(RejectionKind::Malformed, message).with_field(CODE)
}

pub(crate) fn wrong(attempts_left: u8) -> Rejection {
    let message = Message::new("otp-wrong").with("attempts_left", u64::from(attempts_left));
    Rejection::new(RejectionKind::Wrong, message).with_field(CODE)
}

pub(crate) fn resend_wait(at: SystemTime, now: SystemTime) -> Rejection {
    let wait = at.duration_since(now).unwrap_or_default();
    let message = Message::new("otp-resend-wait").with("length", wait);
    Rejection::new(RejectionKind::TooMany, message).with_retry_at(at)
}

pub(crate) fn resends_exhausted() -> Rejection {
    Rejection::new(RejectionKind::TooMany, Message::new("otp-resend-exhausted"))
}

pub(crate) fn resend_failed() -> Rejection {
    Rejection::new(RejectionKind::Unavailable, Message::new("otp-resend-failed"))
}

pub(crate) fn resend_limited(limit: SendLimit, until: SystemTime) -> Rejection {
    Rejection::new(RejectionKind::TooMany, limit_text(limit, until)).with_retry_at(until)
}

/// Tells tries from messages: a user who got no message did not have too many.
fn limit_text(limit: SendLimit, until: SystemTime) -> Message {
    let key = match limit {
        SendLimit::TriesHourly | SendLimit::TriesMinutely | SendLimit::TriesTotal => {
            "otp-tries-limited"
        }
        _ => "otp-limited",
    };
    Message::new(key).with("until", until)
}

pub(crate) fn locked(until: SystemTime) -> Denied {
    Denied::new(Message::new("otp-locked").with("until", until)).with_until(until)
}

pub(crate) fn blocked() -> Denied {
    Denied::new(Message::new("otp-blocked"))
}

/// Makes one page for a missing number, a refused number and a provider that is down. It must not show
/// whether a number exists.
pub(crate) fn unavailable() -> Unavailable {
    Unavailable::new(Message::new("otp-unavailable"))
}

/// Makes the page for a number that belongs to another person. The user has passed another factor already,
/// and is told whom to ask.
pub(crate) fn changed_hands() -> Unavailable {
    Unavailable::new(Message::new("otp-changed-hands"))
}

pub(crate) fn limited(limit: SendLimit, until: SystemTime) -> Unavailable {
    Unavailable::new(limit_text(limit, until)).with_retry_at(until)
}
