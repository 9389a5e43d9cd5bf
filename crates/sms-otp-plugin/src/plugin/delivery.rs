//! The delivery status of a message, while a page shows it.

use std::time::{Duration, SystemTime};

use mfa_plugin_api::{AuditEvent, PluginError, Prompt};
use otp_core::{Challenge, DeliveryStatus};
use sms_sender::{LookUp, Reference, SmsReport};

use super::call::{Call, notify};
use crate::{
    prompts::{self, Ended},
    state::Sent,
    store_failed::store_failed,
    trace,
};

/// How long a page waits for the provider's response.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);
/// A message of unknown outcome that the provider does not have after this long was not sent.
const ABSENT_AFTER: Duration = Duration::from_secs(30);

impl Call<'_> {
    /// Returns the prompt of this login, whose open challenge is `challenge`; `None` if it has not begun, or if
    /// its number changed hands.
    pub(super) fn prompt(&self, challenge: Option<&Challenge>) -> Option<Prompt> {
        match challenge {
            // The step says so: it is no prompt.
            Some(challenge) if challenge.delivery() == DeliveryStatus::ChangedHands => None,
            Some(challenge) if self.is_exhausted(challenge) => {
                Some(prompts::needs_new_code(Ended::Exhausted))
            }
            Some(challenge) => Some(self.page(challenge, self.sent()).prompt()),
            None if self.state.is_some() => Some(prompts::needs_new_code(Ended::Expired)),
            None => None,
        }
    }

    /// Returns the open challenge, after a look-up of its message if one is due.
    pub(super) async fn looked_up(&self) -> Result<Option<Challenge>, PluginError> {
        let Some(challenge) = self.open_challenge().await? else { return Ok(None) };
        match self.news(&challenge, self.now()).await {
            Some(report) => {
                self.record(&challenge, &report, self.now()).await?;
                self.open_challenge().await
            }
            None => Ok(Some(challenge)),
        }
    }

    /// Returns when the next look-up of the challenge's message is due; `None` if there is none to come.
    pub(super) fn next_look_up(
        &self,
        challenge: &Challenge,
        now: SystemTime,
    ) -> Option<SystemTime> {
        if !self.can_change(challenge) {
            return None;
        }
        self.parts.look_ups.next_at(&last_reference(challenge), challenge.expires_at(), now)
    }

    /// Asks the provider if that is due at `now`, and returns its report if the status has changed.
    pub(super) async fn news(&self, challenge: &Challenge, now: SystemTime) -> Option<SmsReport> {
        let reference = last_reference(challenge);
        let look_ups = &self.parts.look_ups;
        if !self.can_change(challenge) || !look_ups.is_due(&reference, challenge.expires_at(), now)
        {
            return None;
        }
        let asked = self.parts.sender.look_up(&reference, challenge.opened_at());
        let found = match tokio::time::timeout(LOOK_UP_TIMEOUT, asked).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                trace::failed_quietly("sms look-up failed", &error);
                return None;
            }
            Err(_) => return None,
        };
        let report = match found {
            LookUp::Present(report) if report.status == DeliveryStatus::Pending => return None,
            LookUp::Present(report) => report,
            LookUp::Absent if self.is_lost(challenge, now) => {
                SmsReport::new(DeliveryStatus::Failed)
            }
            LookUp::Absent => return None,
        };
        if is_final(report.status) {
            look_ups.forget(&reference);
        }
        (report.status != challenge.delivery()).then_some(report)
    }

    /// Records news of a delivery, and wakes every page that waits for it.
    pub(super) async fn record(
        &self,
        challenge: &Challenge,
        report: &SmsReport,
        now: SystemTime,
    ) -> Result<(), PluginError> {
        self.store
            .record_delivery(
                self.subject,
                challenge.id(),
                report.status,
                self.config().policy(),
                now,
            )
            .await
            .map_err(|error| store_failed("recording a delivery", error))?;
        let event = self.about("otp.delivery", challenge).with("status", name_of(report.status));
        self.audit(with_details(event, report.carrier.as_deref(), report.parts));
        notify(self.notifier, self.subject).await;
        // Once for each message, because a final status does not change.
        if let (true, Some(billed), Ok(to)) =
            (is_final(report.status), report.parts, &self.recipient)
        {
            self.note_budget(self.quotas(&to.phone).charge_rest(billed).await);
        }
        Ok(())
    }

    /// Whether a look-up of the challenge's last message can still bring news for its page.
    fn can_change(&self, challenge: &Challenge) -> bool {
        !self.is_exhausted(challenge) && !is_final(challenge.delivery())
    }

    /// Whether a message that the provider does not have can no longer be on its way.
    fn is_lost(&self, challenge: &Challenge, now: SystemTime) -> bool {
        let age = now.duration_since(challenge.opened_at()).unwrap_or_default();
        self.sent() == Sent::Unknown && challenge.resends() == 0 && age >= ABSENT_AFTER
    }
}

/// Adds what the provider told about a message to an event.
pub(super) fn with_details(
    event: AuditEvent,
    carrier: Option<&str>,
    parts: Option<u32>,
) -> AuditEvent {
    let event = match carrier {
        Some(carrier) => event.with("carrier", carrier),
        None => event,
    };
    match parts {
        Some(parts) => event.with("parts", parts),
        None => event,
    }
}

/// Returns the status as one word, for the audit trail.
fn name_of(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::ChangedHands => "changed_hands",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Failed => "failed",
        DeliveryStatus::OutOfRange => "out_of_range",
        _ => "pending",
    }
}

/// Returns the reference of the challenge's last message.
pub(super) fn last_reference(challenge: &Challenge) -> Reference {
    Reference::new(challenge.id(), challenge.resends())
}

/// Whether the carrier will report nothing more.
fn is_final(delivery: DeliveryStatus) -> bool {
    !matches!(delivery, DeliveryStatus::Pending | DeliveryStatus::OutOfRange)
}
