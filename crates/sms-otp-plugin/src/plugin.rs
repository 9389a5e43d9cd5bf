//! The factor: quotas, challenge, message, answer, in this order.
//!
//! ```text
//!  begin ──▶ number? ──▶ quotas ──▶ open ──▶ send ─┬─ accepted ─▶ Prompt
//!              │           │          │            ├─ unknown ──▶ Prompt "sending", looked up later
//!              ▼           ▼          ▼            └─ refused, not sent ─▶ revoked, refunded
//!         Unavailable  Unavailable  Denied                                  Unavailable
//!
//!  submit ─▶ normalise ─▶ begin_attempt (counts) ─▶ verify ─▶ consume (one winner) ─▶ Done
//! ```

mod answer;
mod call;
mod delivery;
mod look_ups;
mod message;

use std::sync::Arc;

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, Descriptor, FlowContext, MfaPlugin, PluginError, Prompt, Reply, Submission,
};
use otp_core::KeyRing;
use sms_sender::SmsSender;

use self::{
    call::{Call, Parts},
    look_ups::LookUps,
};
use crate::{
    config::SmsOtpConfig,
    prompts::{self, Ended, NEW_CODE, RESEND},
};

/// The SMS one-time-code factor.
///
/// Needs two services from its host: `Arc<dyn ChallengeStore>` and `Arc<dyn Quota>`. The phone number
/// comes from the subject's attribute [`PHONE_NUMBER`](mfa_plugin_api::Subject::PHONE_NUMBER) and from
/// nowhere else.
#[derive(Debug)]
pub struct SmsOtpPlugin {
    descriptor: Descriptor,
    parts: Parts,
}

impl SmsOtpPlugin {
    /// The factor of this configuration: codes under `keys`, messages through `sender`.
    pub fn new(config: SmsOtpConfig, keys: KeyRing, sender: Arc<dyn SmsSender>) -> Self {
        let descriptor = Descriptor::new(config.factor().clone()).with_live_status();
        let parts = Parts { config, keys, sender, look_ups: LookUps::default() };
        Self { descriptor, parts }
    }
}

#[async_trait]
impl MfaPlugin for SmsOtpPlugin {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Sends one message, unless this login has a code that can still be answered.
    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError> {
        let call = Call::new(&self.parts, context)?;
        // Without a state this is nearly always the first call: the store finds the other cases.
        let open = if call.state.is_some() { call.open_challenge().await? } else { None };
        match open {
            Some(challenge) => Ok(call.ask_at(&challenge)),
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
            Some(challenge) if *action == RESEND => call.resend(&challenge).await,
            Some(challenge) if *action == NEW_CODE && call.is_used_up(&challenge) => {
                call.send_new().await
            }
            Some(challenge) => Ok(call.ask_at(&challenge)),
            None if *action == NEW_CODE => call.send_new().await,
            None => Ok(call.end(Ended::Expired)),
        }
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Prompt>, PluginError> {
        let call = Call::new(&self.parts, context)?;
        let prompt = match call.open_challenge().await? {
            Some(challenge) if call.is_exhausted(&challenge) => {
                prompts::needs_new_code(Ended::Exhausted)
            }
            Some(challenge) => call.current(challenge).await?,
            None if call.state.is_some() => prompts::needs_new_code(Ended::Expired),
            None => return Ok(None),
        };
        Ok(Some(prompt))
    }
}
