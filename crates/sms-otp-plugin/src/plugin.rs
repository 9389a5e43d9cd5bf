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
mod delivery;
mod message;

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, AuditEvent, Descriptor, FlowContext, MfaPlugin, PluginError, Prompt, Reply, Step,
    Submission, Unavailable,
};
use otp_cache::{ChallengeStore, Quota, StoreError, StoreErrorKind};
use otp_core::{Binding, Challenge, KeyRing, PhoneNumber, SubjectKey};
use sms_sender::SmsSender;

use crate::{
    config::SmsOtpConfig,
    prompts::{self, CodePage, Ended, NEW_CODE, RESEND},
    state::{OtpState, Sent, challenge_id},
};

use self::delivery::LookUps;

/// The SMS one-time-code factor.
///
/// Needs two services from its host: `Arc<dyn ChallengeStore>` and `Arc<dyn Quota>`. The phone number
/// comes from the subject's attribute [`PHONE_NUMBER`](mfa_plugin_api::Subject::PHONE_NUMBER) and from
/// nowhere else.
#[derive(Debug)]
pub struct SmsOtpPlugin {
    descriptor: Descriptor,
    config: SmsOtpConfig,
    keys: KeyRing,
    sender: Arc<dyn SmsSender>,
    look_ups: LookUps,
}

impl SmsOtpPlugin {
    /// The factor of this configuration: codes under `keys`, messages through `sender`.
    pub fn new(config: SmsOtpConfig, keys: KeyRing, sender: Arc<dyn SmsSender>) -> Self {
        let descriptor = Descriptor::new(config.factor().clone()).with_live_status();
        Self { descriptor, config, keys, sender, look_ups: LookUps::default() }
    }

    fn call<'a>(&'a self, context: &'a FlowContext<'a>) -> Result<Call<'a>, PluginError> {
        let service = |name| PluginError::MissingService(name);
        let store = context.services.find::<Arc<dyn ChallengeStore>>();
        let quota = context.services.find::<Arc<dyn Quota>>();
        Ok(Call {
            plugin: self,
            context,
            store: store.ok_or_else(|| service("a challenge store"))?,
            quota: quota.ok_or_else(|| service("quotas"))?,
            subject: SubjectKey::derive(context.subject.tenant(), context.subject.id()),
            phone: self.config.phone_number(context.subject),
            state: OtpState::load(context),
        })
    }
}

#[async_trait]
impl MfaPlugin for SmsOtpPlugin {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Sends one message, unless this login has a code that can still be answered.
    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError> {
        let call = self.call(context)?;
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
        let call = self.call(context)?;
        call.answer(submission.value(prompts::CODE).unwrap_or_default()).await
    }

    async fn action(
        &self,
        context: &FlowContext<'_>,
        action: &ActionId,
    ) -> Result<Reply, PluginError> {
        let call = self.call(context)?;
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
        let call = self.call(context)?;
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

/// One call of the host, with what every step of it needs.
struct Call<'a> {
    plugin: &'a SmsOtpPlugin,
    context: &'a FlowContext<'a>,
    store: &'a Arc<dyn ChallengeStore>,
    quota: &'a Arc<dyn Quota>,
    subject: SubjectKey,
    phone: Option<PhoneNumber>,
    state: Option<OtpState>,
}

impl Call<'_> {
    fn now(&self) -> SystemTime {
        self.context.now
    }

    fn config(&self) -> &SmsOtpConfig {
        &self.plugin.config
    }

    fn generation(&self) -> u32 {
        self.state.map_or(0, |state| state.generation)
    }

    /// How the last send ended; not known if the call that sent was cut off.
    fn sent(&self) -> Sent {
        self.state.map_or(Sent::Unknown, |state| state.sent)
    }

    fn binding<'b>(&'b self, phone: &'b PhoneNumber) -> Binding<'b> {
        Binding {
            tenant: self.context.subject.tenant(),
            subject: self.context.subject.id(),
            flow: self.context.flow.as_str(),
            purpose: self.config().purpose(),
            phone,
        }
    }

    /// This login's challenge, if it is still open.
    async fn open_challenge(&self) -> Result<Option<Challenge>, PluginError> {
        let id = challenge_id(self.context, self.generation());
        self.store
            .load(self.subject, id, self.now())
            .await
            .map_err(|error| store_failed("loading a challenge", error))
    }

    fn is_exhausted(&self, challenge: &Challenge) -> bool {
        challenge.attempts() >= self.config().policy().attempts_per_challenge()
    }

    /// Whether a challenge that is still open is of no more use.
    fn is_used_up(&self, challenge: &Challenge) -> bool {
        self.is_exhausted(challenge) || challenge.resends_left(self.config().policy()) == 0
    }

    fn page<'c>(&'c self, challenge: &'c Challenge, sent: Sent) -> CodePage<'c> {
        CodePage {
            challenge,
            policy: self.config().policy(),
            digits: self.config().format().len(),
            masked_to: self.masked_to(),
            sent,
        }
    }

    fn masked_to(&self) -> String {
        self.phone.as_ref().map(PhoneNumber::masked).unwrap_or_default()
    }

    /// The same call with the login at `generation`.
    fn at(&self, generation: u32, sent: Sent) -> Self {
        Self { phone: self.phone.clone(), state: Some(OtpState { generation, sent }), ..*self }
    }

    fn ask_at(&self, challenge: &Challenge) -> Reply {
        self.ask(challenge, self.sent(), |prompt| prompt)
    }

    /// Asks for the code, with what `change` makes of the prompt.
    fn ask(
        &self,
        challenge: &Challenge,
        sent: Sent,
        change: impl FnOnce(Prompt) -> Prompt,
    ) -> Reply {
        if self.is_exhausted(challenge) {
            return self.end(Ended::Exhausted);
        }
        let prompt = change(self.page(challenge, sent).prompt());
        let state = OtpState { generation: self.generation(), sent };
        Reply::new(Step::Prompt(prompt)).with_state(state.to_state())
    }

    /// The code is of no more use; the state keeps where this login is.
    fn end(&self, why: Ended) -> Reply {
        self.keep(Step::Prompt(prompts::needs_new_code(why)))
    }

    /// A step that changes nothing in the state.
    fn keep(&self, step: Step) -> Reply {
        let reply = Reply::new(step);
        match self.context.state {
            Some(state) => reply.with_state(state.clone()),
            None => reply,
        }
    }

    fn unavailable(&self, unavailable: Unavailable) -> Reply {
        self.keep(Step::Unavailable(unavailable))
    }

    fn audit(&self, event: AuditEvent) {
        self.context.audit.record(event);
    }
}

/// A store that did not answer is a fault for the operator, never a reason to go on.
pub(crate) fn store_failed(context: &'static str, error: StoreError) -> PluginError {
    let source = Box::new(error);
    match source.kind() {
        StoreErrorKind::Corrupt => PluginError::Internal { context, source },
        _ => PluginError::Outage { context, source },
    }
}
