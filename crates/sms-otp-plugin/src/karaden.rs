//! Senders over Karaden's two APIs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use karaden_client::{Error, ErrorKind, Recipient, RefusalReason, push, sms};
use sms_sender::{
    DeliveryStatus, LookUp, LookUpError, OutgoingSms, Reference, RefusedReason, SmsAccepted,
    SmsError, SmsOutcome, SmsReport, SmsSender, TextLimit,
};

use crate::trace;

/// Look-ups by tracking code search this long before and after the time of sending.
const LOOK_AROUND: Duration = Duration::from_secs(60 * 60);

/// Sends through the Karaden SMS API. The reference becomes a tag, the deadline `limited_at`.
///
/// If Karaden refuses a message only because of its `limited_at`, it is sent without one: a late code is
/// useless but harmless.
///
/// This API has no number-history check: [`OutgoingSms::phone_since`] is ignored.
#[derive(Debug, Clone)]
pub struct KaradenSmsSender {
    client: sms::Client,
}

impl KaradenSmsSender {
    /// Nine parts of 70 units, which stay within the 660 characters of a `body`. Only the Basic Multilingual Plane.
    pub const TEXT_LIMIT: TextLimit =
        TextLimit::new(70, 9).with_line_break(push::LINE_BREAK_UNITS).with_basic_plane_only();

    /// Creates a sender that uses `client`.
    pub fn new(client: sms::Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl SmsSender for KaradenSmsSender {
    fn text_limit(&self) -> TextLimit {
        Self::TEXT_LIMIT
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let to = match recipient(sms, self.text_limit()) {
            Ok(to) => to,
            Err(outcome) => return outcome,
        };
        let Ok(message) = sms_message(sms, to) else {
            return Ok(SmsOutcome::Refused(RefusedReason::Message));
        };
        let mut sent = self.client.send(message).await;
        if let Ok(karaden_client::SendOutcome::Refused(refusal)) = sent {
            if !is_about_the_deadline(refusal.error()) {
                return refused(refusal.into_error());
            }
            trace::warn("karaden refuses limited_at: the message is sent without it");
            // Refused means not sent, so this is no second message.
            sent = self.client.send(refusal.into_message().without_limited_at()).await;
        }
        match sent {
            Ok(karaden_client::SendOutcome::Accepted(message)) => {
                let mut accepted = SmsAccepted::new(message.id.as_str());
                accepted.carrier = sms_carrier(&message);
                accepted.parts = sms_parts(&message);
                Ok(SmsOutcome::Accepted(accepted))
            }
            Ok(karaden_client::SendOutcome::Refused(refusal)) => refused(refusal.into_error()),
            Err(failed) => Err(failure(failed.into_error())),
        }
    }

    async fn look_up(&self, reference: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        let tag = sms::Tag::new(reference.as_str()).map_err(LookUpError::new)?;
        let found = self.client.find_by_tag(&tag).await.map_err(LookUpError::new)?;
        Ok(found.map_or(LookUp::Absent, |message| {
            let mut report = SmsReport::new(sms_status(&message));
            report.carrier = sms_carrier(&message);
            report.parts = sms_parts(&message);
            LookUp::Present(report)
        }))
    }
}

/// Checks what needs no request, and returns the number. The error is the outcome of the send.
fn recipient(
    sms: &OutgoingSms,
    limit: TextLimit,
) -> Result<Recipient, Result<SmsOutcome, SmsError>> {
    if sms.is_past_deadline() {
        return Err(Err(SmsError::not_sent("the deadline has passed")));
    }
    if !sms.fits(limit) {
        return Err(Ok(SmsOutcome::Refused(RefusedReason::Message)));
    }
    Recipient::new(sms.to().as_e164())
        .map_err(|_invalid| Ok(SmsOutcome::Refused(RefusedReason::Number)))
}

/// Whether `limited_at` is the only field that Karaden refused.
fn is_about_the_deadline(error: &Error) -> bool {
    matches!(error.refusal(), Some(RefusalReason::Validation(fields)) if *fields == ["limited_at"])
}

fn sms_message(
    sms: &OutgoingSms,
    to: Recipient,
) -> Result<sms::NewMessage, karaden_client::Invalid> {
    let tag = sms::Tag::new(sms.reference().as_str())?;
    let message = sms::NewMessage::new(to, sms.expose_text())?.with_tag(tag).without_short_urls();
    match sms.deadline() {
        Some(deadline) => message.with_limited_at(deadline, sms.now()),
        None => Ok(message),
    }
}

/// Returns the carrier, if it is known. Other words come from the server and are not passed on.
fn sms_carrier(message: &sms::Message) -> Option<String> {
    match message.carrier.as_ref()? {
        sms::Carrier::Checking | sms::Carrier::Unknown | sms::Carrier::Other(_) => None,
        known => Some(known.as_str().to_owned()),
    }
}

/// Returns the number of billed parts. It is 0 before the message is sent, and that means nothing.
fn sms_parts(message: &sms::Message) -> Option<u32> {
    let count = message.charged_count_per_sent.filter(|count| *count > 0)?;
    u32::try_from(count).ok()
}

fn sms_status(message: &sms::Message) -> DeliveryStatus {
    match (&message.status, &message.sent_result) {
        (_, Some(sms::SentResult::Received)) => DeliveryStatus::Delivered,
        (_, Some(sms::SentResult::Unconnected)) => DeliveryStatus::OutOfRange,
        (Some(sms::Status::Error | sms::Status::Canceled | sms::Status::ProcessingError), _)
        | (_, Some(sms::SentResult::Error)) => DeliveryStatus::Failed,
        _ => DeliveryStatus::Pending,
    }
}

/// Sends through 空電プッシュ v2. This API has no deadline: a message that it takes in time may leave later.
///
/// A text of more than one part is sent as a long message (長文分割送信), which the contract has to include.
///
/// The tracking code is the last eight digits of the reference, read as a number: the only form that is
/// known to be accepted. If the contract refuses tracking codes, this and all further messages are sent
/// without one and cannot be looked up. With 10,000 messages in two hours, one look-up in 10,000 finds
/// another message. Its status shows on the page. Only *changed hands* decides something: that code is not
/// accepted.
///
/// A message that is not found counts as not sent only if the client was built
/// [with tracked single messages](push::ClientBuilder::with_tracked_single_messages). Otherwise the
/// look-up fails, and the outcome stays unknown.
///
/// With the [number-history check](Self::with_number_history) Karaden sends nothing to a number that was
/// reassigned since [`OutgoingSms::phone_since`]. A look-up then finds [`DeliveryStatus::ChangedHands`].
#[derive(Debug, Clone)]
pub struct KaradenPushSender {
    client: push::Client,
    checks_history: bool,
    /// Whether the contract has refused a tracking code. Shared by all clones.
    refuses_codes: Arc<AtomicBool>,
}

impl KaradenPushSender {
    /// Seven parts of 70 units: `message1` to `message7`, which public integrations use. Only the Basic
    /// Multilingual Plane.
    pub const TEXT_LIMIT: TextLimit =
        TextLimit::new(70, 7).with_line_break(push::LINE_BREAK_UNITS).with_basic_plane_only();

    /// Creates a sender that uses `client`.
    pub fn new(client: push::Client) -> Self {
        Self { client, checks_history: false, refuses_codes: Arc::new(AtomicBool::new(false)) }
    }

    /// Asks for the number-history check (`PermitDate`) of each message whose
    /// [`phone_since`](OutgoingSms::phone_since) is known. For contracts with this option only.
    ///
    /// Karaden checks single texts only. So the [text limit](SmsSender::text_limit) is then one part: a longer
    /// text could reach the number's new owner.
    #[must_use]
    pub fn with_number_history(mut self) -> Self {
        self.checks_history = true;
        self
    }
}

#[async_trait]
impl SmsSender for KaradenPushSender {
    fn text_limit(&self) -> TextLimit {
        if self.checks_history { Self::TEXT_LIMIT.with_max_parts(1) } else { Self::TEXT_LIMIT }
    }

    fn checks_number_history(&self) -> bool {
        self.checks_history
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let to = match recipient(sms, self.text_limit()) {
            Ok(to) => to,
            Err(outcome) => return outcome,
        };
        let Ok(mut message) = self.message(sms, to) else {
            return Ok(SmsOutcome::Refused(RefusedReason::Message));
        };
        let has_code = !self.refuses_codes.load(Ordering::Relaxed);
        if !has_code {
            message = message.without_tracking_code();
        }
        let mut sent = self.client.send(message).await;
        if let Ok(karaden_client::SendOutcome::Refused(refusal)) = sent {
            if !has_code || *refusal.reason() != RefusalReason::InvalidTrackingCode {
                return refused(refusal.into_error());
            }
            self.refuses_codes.store(true, Ordering::Relaxed);
            trace::warn(
                "karaden refuses tracking codes: messages are sent without and cannot be looked up",
            );
            // Refused means not sent, so this is no second message.
            sent = self.client.send(refusal.into_message().without_tracking_code()).await;
        }
        match sent {
            Ok(karaden_client::SendOutcome::Accepted(accepted)) => {
                let parts = u32::try_from(accepted.parts).ok();
                let mut accepted = SmsAccepted::new(accepted.message_id.as_str());
                accepted.parts = parts;
                Ok(SmsOutcome::Accepted(accepted))
            }
            Ok(karaden_client::SendOutcome::Refused(refusal)) => refused(refusal.into_error()),
            Err(failed) => Err(failure(failed.into_error())),
        }
    }

    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError> {
        if self.refuses_codes.load(Ordering::Relaxed) {
            return Err(LookUpError::new("the contract refuses tracking codes"));
        }
        let code = tracking_code(reference).map_err(LookUpError::new)?;
        let from = sent_at.checked_sub(LOOK_AROUND).unwrap_or(sent_at);
        let to = sent_at.checked_add(LOOK_AROUND).unwrap_or(sent_at);
        let found = self.client.find_by_tracking_code(&code, from, to).await;
        let found = found.map_err(LookUpError::new)?;
        match found.first() {
            Some(message) => {
                let mut report = SmsReport::new(push_status(&message.report));
                report.carrier = push_carrier(&message.report);
                Ok(LookUp::Present(report))
            }
            None if self.client.tracks_single_messages() => Ok(LookUp::Absent),
            None => Err(LookUpError::new("not found, but the service may ignore tracking codes")),
        }
    }
}

/// Returns the last eight digits of the reference, which is a number in base 36.
fn tracking_code(reference: &Reference) -> Result<push::TrackingCode, karaden_client::Invalid> {
    let digits = reference.as_str().chars().filter_map(|digit| digit.to_digit(36));
    let number = digits.fold(0_u32, |number, digit| {
        let next = (u64::from(number) * 36 + u64::from(digit)) % 100_000_000;
        u32::try_from(next).unwrap_or_default()
    });
    push::TrackingCode::new(&format!("{number:08}"))
}

impl KaradenPushSender {
    fn message(
        &self,
        sms: &OutgoingSms,
        to: Recipient,
    ) -> Result<push::NewMessage, karaden_client::Invalid> {
        let code = tracking_code(sms.reference())?;
        if !sms.fits(Self::TEXT_LIMIT.with_max_parts(1)) {
            // A long message has no short URLs.
            return Ok(push::NewMessage::long(to, sms.expose_text())?.with_tracking_code(code));
        }
        let message = push::NewMessage::new(to, sms.expose_text())?
            .with_tracking_code(code)
            .without_short_urls()?;
        match sms.phone_since().filter(|_| self.checks_history) {
            // The clocks of two machines differ a little: a consent is never in the future.
            Some(since) => message.with_permit_date(since.min(sms.now()), sms.now()),
            None => Ok(message),
        }
    }
}

/// Returns the carrier in the words of the Karaden SMS API, if it is known.
fn push_carrier(report: &push::MessageReport) -> Option<String> {
    let name = match report.carrier.as_ref()? {
        push::Carrier::Docomo => "docomo",
        push::Carrier::Softbank => "softbank",
        push::Carrier::Au => "au",
        push::Carrier::Option => "option",
        _ => return None,
    };
    Some(name.to_owned())
}

fn push_status(report: &push::MessageReport) -> DeliveryStatus {
    use push::{MessageStatus as Sent, ResultStatus as Result};
    match (&report.message_status, &report.result_status) {
        (_, Some(Result::Received)) => DeliveryStatus::Delivered,
        (Some(Sent::ChangedHands), _) => DeliveryStatus::ChangedHands,
        (Some(Sent::Error), _) | (_, Some(Result::Error)) => DeliveryStatus::Failed,
        (_, Some(Result::OutOfRange)) => DeliveryStatus::OutOfRange,
        _ => DeliveryStatus::Pending,
    }
}

/// Converts a refusal. Only a rate limit is worth another attempt later.
fn refused(error: Error) -> Result<SmsOutcome, SmsError> {
    let reason = match error.refusal() {
        Some(RefusalReason::RateLimited(wait)) => {
            let wait = *wait;
            return Err(SmsError::rate_limited(error).with_retry_after(wait));
        }
        Some(RefusalReason::InvalidNumber | RefusalReason::Restricted) => RefusedReason::Number,
        Some(RefusalReason::Validation(fields)) if fields.iter().any(|f| f == "to") => {
            RefusedReason::Number
        }
        Some(reason) if reason.is_account_problem() => RefusedReason::Account,
        _ => RefusedReason::Message,
    };
    trace::refused(&error);
    Ok(SmsOutcome::Refused(reason))
}

fn failure(error: Error) -> SmsError {
    let wait = error.retry_after();
    if error.is_definitely_not_sent() {
        let is_rate_limited = error.kind() == ErrorKind::RateLimited;
        let error =
            if is_rate_limited { SmsError::rate_limited(error) } else { SmsError::not_sent(error) };
        error.with_retry_after(wait)
    } else {
        SmsError::unknown(error)
    }
}
