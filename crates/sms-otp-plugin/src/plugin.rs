//! The factor: quotas, challenge, message and verification, in this order.
//!
//! ```text
//!  begin ──▶ number? ──▶ limits ──▶ open ──▶ charge ──▶ send ─┬─ accepted ─▶ Prompt
//!              │           │          │         │             ├─ unknown ──▶ Prompt "sending", looked up later
//!              ▼           ▼          ▼         ▼             └─ refused, not sent ─▶ revoked, message refunded,
//!         Unavailable  Unavailable  Denied  Unavailable                              try not: Unavailable
//!
//!  submit ─▶ normalise ─▶ begin_attempt (counts) ─▶ verify ─▶ consume (one winner) ─▶ Done
//! ```

mod answer;
mod call;
mod delivery;
mod look_ups;
mod message;
mod notes;
mod refused;
mod reports;
mod waiting;

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, Descriptor, FlowContext, LiveStatus, MfaPlugin, PluginError, Prompt, Reply, Services,
    Step, Submission,
};
use otp_core::{KeyRing, message::Length};
use sms_sender::{DeliveryStatus, SmsSender};

use self::{
    call::{Call, Parts},
    look_ups::LookUps,
    reports::record_report,
};
use crate::{
    config::SmsOtpConfig,
    limit_notes::LimitNotes,
    limits::SendLimit,
    prompts::{self, Ended, NEW_CODE, RESEND},
    report::Reported,
    text::InvalidText,
};

/// The SMS one-time-code factor.
///
/// Needs two services from its host: `Arc<dyn ChallengeStore>` and `Arc<dyn Quota>`. Two more are optional.
/// Without `Arc<dyn DeliveryNotes>` everything works, but [`report`](Self::report) is an error. Without
/// `Arc<dyn Notifier>` an open page shows news only after its next look-up. The phone number
/// comes from the subject's attribute [`PHONE_NUMBER`](mfa_plugin_api::Subject::PHONE_NUMBER) and from
/// nowhere else. With the attribute [`PHONE_SINCE`](mfa_plugin_api::Subject::PHONE_SINCE) the provider is asked
/// whether the number was reassigned to another person since that day. If the attribute is no date, or one in
/// the future, no message is sent.
///
/// If the number has changed hands, the factor is unavailable: the code of the message is never accepted, no
/// further message goes to the number while that code could be used, and the audit trail has
/// `otp.number_changed_hands`.
#[derive(Debug)]
pub struct SmsOtpPlugin {
    descriptor: Descriptor,
    parts: Parts,
}

impl SmsOtpPlugin {
    /// Creates the factor: it derives codes under `keys` and sends messages through `sender`.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] if a message can be longer than the [text limit](SmsSender::text_limit) of `sender` or the
    /// [number of parts](crate::SmsTexts::with_max_parts) allows, or if its words cannot be used.
    pub fn new(
        config: SmsOtpConfig,
        keys: KeyRing,
        sender: Arc<dyn SmsSender>,
    ) -> Result<Self, InvalidText> {
        Self::make(config, keys, sender, LookUps::default(), LimitNotes::default())
    }

    /// Returns the factor with other settings, keys or another sender. It shares the observer, and what this one
    /// keeps in memory about look-ups and limits.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn reconfigured(
        &self,
        config: SmsOtpConfig,
        keys: KeyRing,
        sender: Arc<dyn SmsSender>,
    ) -> Result<Self, InvalidText> {
        let Parts { look_ups, limit_notes, .. } = &self.parts;
        Self::make(config, keys, sender, look_ups.clone(), limit_notes.clone())
    }

    fn make(
        config: SmsOtpConfig,
        keys: KeyRing,
        sender: Arc<dyn SmsSender>,
        look_ups: LookUps,
        limit_notes: LimitNotes,
    ) -> Result<Self, InvalidText> {
        let descriptor = Descriptor::new(config.factor().clone());
        let templates = config.templates(sender.text_limit())?;
        let parts = Parts { config, templates, keys, sender, look_ups, limit_notes };
        Ok(Self { descriptor, parts })
    }

    /// Sets what is called for each message that a limit refuses, such as a metric. Default: nothing. With the
    /// feature `tracing` each limit is logged too, at most once a minute.
    #[must_use]
    pub fn with_limit_observer(
        mut self,
        observer: impl Fn(SendLimit) + Send + Sync + 'static,
    ) -> Self {
        self.parts.limit_notes.observer = Some(Arc::new(observer));
        self
    }

    /// Returns each language with the length of its longest message.
    pub fn longest_messages(&self) -> impl Iterator<Item = (&str, Length)> {
        self.parts.templates.lengths()
    }

    /// Records the delivery report of a message: finds its challenge by `reference`, records `status`, and
    /// wakes every page that waits for it.
    ///
    /// `reference` is the text that the message carried ([`Reference::as_str`](sms_sender::Reference::as_str)),
    /// as the provider reports it. A report may arrive at any node, early, late or twice. It may also belong
    /// to a message of another program.
    ///
    /// # Errors
    ///
    /// [`PluginError::MissingService`] without `Arc<dyn DeliveryNotes>` or `Arc<dyn ChallengeStore>` in
    /// `services`. [`PluginError::Outage`] if a store failed: the provider may deliver the report again.
    pub async fn report(
        &self,
        services: &Services,
        reference: &str,
        status: DeliveryStatus,
        now: SystemTime,
    ) -> Result<Reported, PluginError> {
        record_report(&self.parts.config, services, reference, status, now).await
    }
}

#[async_trait]
impl MfaPlugin for SmsOtpPlugin {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Sends one message, unless this login has a code that can still be verified.
    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError> {
        let call = Call::new(&self.parts, context)?;
        // Without a state this is nearly always the first call: the store finds the other cases.
        let open = if call.state.is_some() { call.open_challenge().await? } else { None };
        match open {
            Some(challenge) => Ok(call.ask_again(&challenge)),
            None => call.send_first().await,
        }
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        submission: &Submission,
    ) -> Result<Reply, PluginError> {
        let call = Call::new(&self.parts, context)?;
        call.answer(submission.value(prompts::CODE).unwrap_or_default()).await
    }

    async fn action(
        &self,
        context: &FlowContext<'_>,
        action: &ActionId,
    ) -> Result<Reply, PluginError> {
        let call = Call::new(&self.parts, context)?;
        let challenge = call.open_challenge().await?;
        match challenge {
            Some(challenge) if challenge.delivery() == DeliveryStatus::ChangedHands => {
                Ok(call.changed_hands(&challenge))
            }
            Some(challenge) if *action == RESEND => call.resend(&challenge).await,
            Some(challenge) if *action == NEW_CODE && call.is_used_up(&challenge) => {
                call.send_new().await
            }
            Some(challenge) => Ok(call.ask_again(&challenge)),
            None if *action == NEW_CODE => call.send_new().await,
            None => Ok(call.end(Ended::Expired)),
        }
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        let call = Call::new(&self.parts, context)?;
        Ok(match call.looked_up().await? {
            Some(challenge) if challenge.delivery() == DeliveryStatus::ChangedHands => {
                Some(call.changed_hands(&challenge).step)
            }
            challenge => call.prompt(challenge.as_ref()).map(Step::Prompt),
        })
    }

    fn live_status(&self) -> Option<&dyn LiveStatus> {
        Some(self)
    }
}

#[async_trait]
impl LiveStatus for SmsOtpPlugin {
    /// Waits for a notification of the subject and, meanwhile, looks the message up after 3, 5, 10, 20 and
    /// then every 40 seconds. Reads the store once, when it begins.
    async fn changed(&self, context: &FlowContext<'_>, shown: &Prompt) -> Result<(), PluginError> {
        Call::new(&self.parts, context)?.changed(shown).await
    }
}
