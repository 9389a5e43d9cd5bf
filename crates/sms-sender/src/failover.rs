//! A second provider for what the first one surely did not send.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;

use crate::{
    message::{OutgoingSms, Reference},
    outcome::{LookUp, LookUpError, RefusedReason, SendError, SendOutcome},
    sender::SmsSender,
};

/// Tries several senders in order, and goes on to the next only when surely nothing was sent.
///
/// An *unknown* outcome ends the attempt: the next provider would send the message a second time. So
/// does a refusal that is about the number or the text. A refusal that is about our account with one
/// provider goes on to the next.
#[derive(Debug)]
pub struct FailoverSender {
    first: Arc<dyn SmsSender>,
    others: Vec<Arc<dyn SmsSender>>,
}

impl FailoverSender {
    /// Sends through `first` as long as it can.
    pub fn new(first: Arc<dyn SmsSender>) -> Self {
        Self { first, others: Vec::new() }
    }

    /// The same with one more sender behind the others.
    #[must_use]
    pub fn with_fallback(mut self, next: Arc<dyn SmsSender>) -> Self {
        self.others.push(next);
        self
    }

    fn senders(&self) -> impl Iterator<Item = &Arc<dyn SmsSender>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

fn is_for_the_next(outcome: &Result<SendOutcome, SendError>) -> bool {
    match outcome {
        Ok(SendOutcome::Accepted(_)) => false,
        Ok(SendOutcome::Refused(reason)) => match reason {
            RefusedReason::Account => true,
            RefusedReason::Message | RefusedReason::Number => false,
        },
        Err(error) => error.is_not_sent(),
    }
}

#[async_trait]
impl SmsSender for FailoverSender {
    async fn send(&self, sms: &OutgoingSms) -> Result<SendOutcome, SendError> {
        let mut outcome = self.first.send(sms).await;
        for next in &self.others {
            if !is_for_the_next(&outcome) {
                break;
            }
            tracing::warn!(reference = sms.reference().as_str(), "sms sender failed over");
            outcome = next.send(sms).await;
        }
        outcome
    }

    /// Asks each in turn: *present* at one is the answer; *absent* only if all say so.
    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError> {
        let mut failed = None;
        for sender in self.senders() {
            match sender.look_up(reference, sent_at).await {
                Ok(LookUp::Present(status)) => return Ok(LookUp::Present(status)),
                Ok(LookUp::Absent) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(LookUp::Absent), Err)
    }
}
