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
#[derive(Debug)]
pub struct FailoverSender {
    first: Arc<dyn SmsSender>,
    others: Vec<Arc<dyn SmsSender>>,
}

impl FailoverSender {
    /// Creates a sender that tries `first`.
    pub fn new(first: Arc<dyn SmsSender>) -> Self {
        Self { first, others: Vec::new() }
    }

    /// Adds a sender that is tried after the others.
    #[must_use]
    pub fn with_fallback(mut self, next: Arc<dyn SmsSender>) -> Self {
        self.others.push(next);
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

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let mut outcome = self.first.send(sms).await;
        for next in &self.others {
            if !is_for_next(&outcome) {
                break;
            }
            trace::failed_over(sms.reference().as_str());
            outcome = next.send(sms).await;
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
