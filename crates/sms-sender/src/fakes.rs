//! Senders for tests and demonstrations. They keep the contract of [`SmsSender`].

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_core::{DeliveryStatus, message::TextLimit};

use crate::{
    message::{OutgoingSms, Reference},
    outcome::{LookUp, LookUpError, RefusedReason, SmsAccepted, SmsError, SmsOutcome, SmsReport},
    sender::SmsSender,
};

/// The limit of a fake, unless a test sets another one: one part of 70 units.
const TEXT_LIMIT: TextLimit = TextLimit::new(70, 1);

/// A message that a [`RecordingSender`] received, in the clear: for tests only.
#[derive(Clone)]
pub struct RecordedSms(OutgoingSms);

impl RecordedSms {
    /// Returns the number in E.164.
    pub fn to(&self) -> &str {
        self.0.to().as_e164()
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        self.0.expose_text()
    }

    /// Returns the deadline for sending, if there is one.
    pub fn deadline(&self) -> Option<SystemTime> {
        self.0.deadline()
    }

    /// Returns since when the number is the recipient's, if that is known.
    pub fn phone_since(&self) -> Option<SystemTime> {
        self.0.phone_since()
    }

    /// Returns the reference.
    pub fn reference(&self) -> &Reference {
        self.0.reference()
    }

    /// Returns the code on the message's last line, after the `#` (WICG sms-one-time-codes, "Message
    /// format").
    pub fn code(&self) -> Option<&str> {
        self.text().lines().last()?.rsplit_once('#').map(|(_, code)| code)
    }
}

impl std::fmt::Debug for RecordedSms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.0, f)
    }
}

/// Records and accepts every message, unless a test scripts another outcome. Clones share what is recorded and
/// scripted.
#[derive(Debug, Clone)]
pub struct RecordingSender {
    text_limit: TextLimit,
    recorded: Arc<Mutex<Recorded>>,
}

impl Default for RecordingSender {
    fn default() -> Self {
        Self { text_limit: TEXT_LIMIT, recorded: Arc::default() }
    }
}

#[derive(Debug, Default)]
struct Recorded {
    sent: Vec<RecordedSms>,
    next: VecDeque<Next>,
    looked_up: Vec<Reference>,
    reports: HashMap<Reference, SmsReport>,
}

#[derive(Debug)]
enum Next {
    NotSent,
    RateLimited(Option<Duration>),
    Refused(RefusedReason),
    UnknownArrived,
    UnknownLost,
}

impl RecordingSender {
    /// Creates a sender that accepts everything. Its text limit is one part of 70 units.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the text limit. Default: one part of 70 units. Other texts are refused.
    #[must_use]
    pub fn with_text_limit(mut self, limit: TextLimit) -> Self {
        self.text_limit = limit;
        self
    }

    /// Returns the messages that arrived, oldest first. Includes those whose response was lost.
    pub fn sent(&self) -> Vec<RecordedSms> {
        self.state().sent.clone()
    }

    /// Returns the references that were looked up, oldest first.
    pub fn looked_up(&self) -> Vec<Reference> {
        self.state().looked_up.clone()
    }

    /// Returns how many sends still have an outcome that a test scripted.
    pub fn scripted(&self) -> usize {
        self.state().next.len()
    }

    /// Makes the next send fail as *not sent*.
    pub fn fail_next(&self) {
        self.state().next.push_back(Next::NotSent);
    }

    /// Makes the next send fail as *rate limited*, with the wait that the provider asks for.
    pub fn limit_next(&self, retry_after: Option<Duration>) {
        self.state().next.push_back(Next::RateLimited(retry_after));
    }

    /// Makes the next send end as *refused*.
    pub fn refuse_next(&self, reason: RefusedReason) {
        self.state().next.push_back(Next::Refused(reason));
    }

    /// Makes the next send *unknown*: it arrives, and the response is lost.
    pub fn lose_next_answer(&self) {
        self.state().next.push_back(Next::UnknownArrived);
    }

    /// Makes the next send *unknown*: the request is lost.
    pub fn lose_next_request(&self) {
        self.state().next.push_back(Next::UnknownLost);
    }

    /// Sets what look-ups of `reference` find from now on.
    pub fn set_status(&self, reference: &Reference, status: DeliveryStatus) {
        self.set_report(reference, SmsReport::new(status));
    }

    /// Sets what look-ups of `reference` find from now on, with carrier and parts.
    pub fn set_report(&self, reference: &Reference, report: SmsReport) {
        self.state().reports.insert(reference.clone(), report);
    }

    fn state(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SmsSender for RecordingSender {
    fn text_limit(&self) -> TextLimit {
        self.text_limit
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let mut state = self.state();
        if sms.is_past_deadline() {
            return Err(SmsError::not_sent("the deadline has passed"));
        }
        if !sms.fits(self.text_limit) {
            return Ok(SmsOutcome::Refused(RefusedReason::Message));
        }
        let next = state.next.pop_front();
        match next {
            Some(Next::NotSent) => return Err(SmsError::not_sent("scripted")),
            Some(Next::RateLimited(wait)) => {
                return Err(SmsError::rate_limited("scripted").with_retry_after(wait));
            }
            Some(Next::Refused(reason)) => return Ok(SmsOutcome::Refused(reason)),
            Some(Next::UnknownLost) => return Err(SmsError::unknown("scripted")),
            Some(Next::UnknownArrived) | None => {}
        }
        state.sent.push(RecordedSms(sms.clone()));
        let report = SmsReport::new(DeliveryStatus::Pending);
        state.reports.entry(sms.reference().clone()).or_insert(report);
        if next.is_some() {
            return Err(SmsError::unknown("scripted"));
        }
        let id = format!("recorded-{}", state.sent.len());
        Ok(SmsOutcome::Accepted(SmsAccepted::new(id).with_parts(1)))
    }

    async fn look_up(&self, reference: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        let mut state = self.state();
        state.looked_up.push(reference.clone());
        Ok(state.reports.get(reference).cloned().map_or(LookUp::Absent, LookUp::Present))
    }
}

/// Fails every call in the same way, like a provider that is down. As any sender it refuses a text beyond its limit,
/// and sends nothing after the deadline.
#[derive(Debug, Clone)]
pub struct FailingSender {
    is_not_sent: bool,
    text_limit: TextLimit,
    calls: Arc<Mutex<usize>>,
}

impl FailingSender {
    /// Creates a sender whose sends are all *not sent*.
    pub fn not_sent() -> Self {
        Self { is_not_sent: true, text_limit: TEXT_LIMIT, calls: Arc::default() }
    }

    /// Creates a sender whose sends are all *unknown*.
    pub fn unknown() -> Self {
        Self { is_not_sent: false, text_limit: TEXT_LIMIT, calls: Arc::default() }
    }

    /// Sets the text limit. Default: one part of 70 units.
    #[must_use]
    pub fn with_text_limit(mut self, limit: TextLimit) -> Self {
        self.text_limit = limit;
        self
    }

    /// Returns the number of calls of `send`.
    pub fn calls(&self) -> usize {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SmsSender for FailingSender {
    fn text_limit(&self) -> TextLimit {
        self.text_limit
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        if sms.is_past_deadline() {
            return Err(SmsError::not_sent("the deadline has passed"));
        }
        if !sms.fits(self.text_limit) {
            return Ok(SmsOutcome::Refused(RefusedReason::Message));
        }
        Err(if self.is_not_sent {
            SmsError::not_sent("the provider is down")
        } else {
            SmsError::unknown("the provider is down")
        })
    }

    async fn look_up(&self, _: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        Err(LookUpError::new("the provider is down"))
    }
}
