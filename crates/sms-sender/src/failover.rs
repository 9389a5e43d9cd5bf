//! Several senders, of which the next one sends what the one before did not.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use otp_core::message::TextLimit;

use crate::{
    message::{OutgoingSms, Reference},
    outcome::{LookUp, LookUpError, RefusedReason, SmsError, SmsOutcome},
    sender::SmsSender,
    trace,
};

/// Tries several senders in order. The next one is tried only if the message was not sent.
///
/// An *unknown* outcome ends the attempt: the next provider could send the message a second time. A
/// refusal of the number or the text ends it too. A refusal of the account with one provider, and a rate
/// limit, lead to the next.
///
/// If one of the senders [checks the number's history](SmsSender::checks_number_history), a message with
/// [`phone_since`](OutgoingSms::phone_since) goes only to those that do. If none of them does, it goes to all.
#[derive(Debug)]
pub struct FailoverSender {
    first: Arc<dyn SmsSender>,
    others: Vec<Arc<dyn SmsSender>>,
    allows_unchecked: bool,
}

impl FailoverSender {
    /// Creates a sender that tries `first`.
    pub fn new(first: Arc<dyn SmsSender>) -> Self {
        Self { first, others: Vec::new(), allows_unchecked: false }
    }

    /// Adds a sender that is tried after the others.
    #[must_use]
    pub fn with_fallback(mut self, next: Arc<dyn SmsSender>) -> Self {
        self.others.push(next);
        self
    }

    /// Allows a sender without the check of the number's history to send a message that another one would check.
    /// The message can then reach the person who has the number now.
    #[must_use]
    pub fn dangerous_allow_unchecked_numbers(mut self) -> Self {
        self.allows_unchecked = true;
        self
    }

    fn senders(&self) -> impl Iterator<Item = &Arc<dyn SmsSender>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

fn is_for_next(outcome: &Result<SmsOutcome, SmsError>) -> bool {
    match outcome {
        Ok(SmsOutcome::Accepted(_)) => false,
        Ok(SmsOutcome::Refused(reason)) => match reason {
            RefusedReason::Account => true,
            RefusedReason::ChangedHands | RefusedReason::Message | RefusedReason::Number => false,
        },
        Err(error) => error.is_not_sent(),
    }
}

#[async_trait]
impl SmsSender for FailoverSender {
    /// Returns the strictest limit over all senders, because each of them may get the message.
    fn text_limit(&self) -> TextLimit {
        let others = self.others.iter().map(|sender| sender.text_limit());
        others.fold(self.first.text_limit(), TextLimit::strictest)
    }

    /// Whether the number of every message with [`phone_since`](OutgoingSms::phone_since) is checked.
    fn checks_number_history(&self) -> bool {
        if self.allows_unchecked {
            self.senders().all(|sender| sender.checks_number_history())
        } else {
            self.senders().any(|sender| sender.checks_number_history())
        }
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let needs_check =
            sms.phone_since().is_some() && !self.allows_unchecked && self.checks_number_history();
        // Replaced by at least one sender: a check is needed only if one of them makes it.
        let mut outcome = Err(SmsError::not_sent("no sender checks the number's history"));
        let mut is_first = true;
        for sender in self.senders() {
            if needs_check && !sender.checks_number_history() {
                continue;
            }
            if !is_first {
                trace::failed_over(sms.reference().as_str());
            }
            is_first = false;
            outcome = sender.send(sms).await;
            if !is_for_next(&outcome) {
                break;
            }
        }
        outcome
    }

    /// Asks each sender in order. The result is *absent* only if all say so.
    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError> {
        let mut failed = None;
        for sender in self.senders() {
            match sender.look_up(reference, sent_at).await {
                Ok(LookUp::Absent) => {}
                Ok(present) => return Ok(present),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(LookUp::Absent), Err)
    }
}
