//! The delivery status of a message, while a page shows it.

use std::time::Duration;

use mfa_plugin_api::{PluginError, Prompt};
use otp_core::{Challenge, Delivery};
use sms_sender::{DeliveryStatus, LookUp, Reference};

use super::call::Call;
use crate::{state::Sent, store_failed::store_failed};

/// How long a page waits for the provider's response.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);
/// A message of unknown outcome that the provider does not have after this long was not sent.
const ABSENT_AFTER: Duration = Duration::from_secs(30);
impl Call<'_> {
    /// Returns the page of an open challenge, with the delivery status of its message.
    pub(super) async fn current(&self, challenge: Challenge) -> Result<Prompt, PluginError> {
        let challenge = match self.news(&challenge).await {
            Some(delivery) => {
                let policy = self.config().policy();
                self.store
                    .record_delivery(self.subject, challenge.id(), delivery, policy, self.now())
                    .await
                    .map_err(|error| store_failed("recording a delivery", error))?;
                self.open_challenge().await?.unwrap_or(challenge)
            }
            None => challenge,
        };
        Ok(self.page(&challenge, self.sent()).prompt())
    }

    /// Asks the provider if it is time to, and returns the status if it has changed.
    async fn news(&self, challenge: &Challenge) -> Option<Delivery> {
        if matches!(challenge.delivery(), Delivery::Delivered | Delivery::Error) {
            return None;
        }
        let reference = Reference::new(challenge.id(), challenge.resends());
        let look_ups = &self.parts.look_ups;
        if !look_ups.is_due(&reference, challenge.expires_at(), self.now()) {
            return None;
        }
        let asked = self.parts.sender.look_up(&reference, challenge.opened_at());
        let found = match tokio::time::timeout(LOOK_UP_TIMEOUT, asked).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "sms look-up failed");
                return None;
            }
            Err(_) => return None,
        };
        let delivery = match found {
            LookUp::Present(DeliveryStatus::Delivered) => Delivery::Delivered,
            LookUp::Present(DeliveryStatus::OutOfRange) => Delivery::OutOfRange,
            LookUp::Present(DeliveryStatus::Failed) => Delivery::Error,
            LookUp::Absent if self.is_lost(challenge) => Delivery::Error,
            LookUp::Absent | LookUp::Present(DeliveryStatus::Pending | DeliveryStatus::Unknown) => {
                return None;
            }
        };
        if matches!(delivery, Delivery::Delivered | Delivery::Error) {
            look_ups.forget(&reference);
        }
        (delivery != challenge.delivery()).then_some(delivery)
    }

    /// Whether a message that the provider does not have can no longer be on its way.
    fn is_lost(&self, challenge: &Challenge) -> bool {
        let age = self.now().duration_since(challenge.opened_at()).unwrap_or_default();
        self.sent() == Sent::Unknown && challenge.resends() == 0 && age >= ABSENT_AFTER
    }
}
