//! One call of the host: what each step of it needs, and the replies that several steps share.

use std::{sync::Arc, time::SystemTime};

use mfa_plugin_api::{
    AuditEvent, FlowContext, PluginError, Prompt, Reply, Services, Step, Unavailable,
};
use otp_cache::{ChallengeStore, DeliveryNotes, Notifier, Quota};
use otp_core::{Binding, Challenge, DeliveryStatus, KeyRing, PhoneNumber, SubjectKey};
use sms_sender::SmsSender;

use super::look_ups::LookUps;
use crate::{
    config::SmsOtpConfig,
    limit_notes::{BudgetNote, LimitNotes},
    prompts::{self, CodePage, Ended},
    recipient::{NoRecipient, Recipient},
    state::{OtpState, Sent, challenge_id},
    store_failed::store_failed,
    text::Templates,
    trace,
};

/// What all calls of the plugin share.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) config: SmsOtpConfig,
    pub(super) templates: Templates,
    pub(super) keys: KeyRing,
    pub(super) sender: Arc<dyn SmsSender>,
    pub(super) look_ups: LookUps,
    pub(super) limit_notes: LimitNotes,
}

/// One call of the host, with what every step of it needs.
pub(super) struct Call<'a> {
    pub(super) parts: &'a Parts,
    pub(super) context: &'a FlowContext<'a>,
    pub(super) store: &'a Arc<dyn ChallengeStore>,
    pub(super) quota: &'a Arc<dyn Quota>,
    pub(super) notes: Option<&'a Arc<dyn DeliveryNotes>>,
    pub(super) notifier: Option<&'a Arc<dyn Notifier>>,
    pub(super) subject: SubjectKey,
    pub(super) recipient: Result<Recipient, NoRecipient>,
    pub(super) state: Option<OtpState>,
}

impl<'a> Call<'a> {
    /// Creates the call that `context` describes.
    ///
    /// # Errors
    ///
    /// [`PluginError::MissingService`] if the host hands out no challenge store or no quotas.
    pub(super) fn new(parts: &'a Parts, context: &'a FlowContext<'a>) -> Result<Self, PluginError> {
        Ok(Self {
            parts,
            context,
            store: service(context.services, "a challenge store")?,
            quota: service(context.services, "quotas")?,
            notes: context.services.find(),
            notifier: context.services.find(),
            subject: SubjectKey::derive(context.subject.tenant(), context.subject.id()),
            recipient: Recipient::of(context.subject, parts.config.prefixes(), context.now),
            state: OtpState::load(context),
        })
    }
}

impl Call<'_> {
    pub(super) fn now(&self) -> SystemTime {
        self.context.now
    }

    pub(super) fn config(&self) -> &SmsOtpConfig {
        &self.parts.config
    }

    pub(super) fn generation(&self) -> u32 {
        self.state.map_or(0, |state| state.generation)
    }

    /// Returns the outcome of the last send: unknown if that call was cut off.
    pub(super) fn sent(&self) -> Sent {
        self.state.map_or(Sent::Unknown, |state| state.sent)
    }

    pub(super) fn binding<'b>(&'b self, phone: &'b PhoneNumber) -> Binding<'b> {
        Binding {
            tenant: self.context.subject.tenant(),
            subject: self.context.subject.id(),
            flow: self.context.flow.as_str(),
            purpose: self.config().purpose(),
            destination: phone.as_e164().as_bytes(),
        }
    }

    /// Loads the challenge of this login, if it is open.
    pub(super) async fn open_challenge(&self) -> Result<Option<Challenge>, PluginError> {
        let id = challenge_id(self.context, self.generation());
        self.store
            .load(self.subject, id, self.now())
            .await
            .map_err(|error| store_failed("loading a challenge", error))
    }

    pub(super) fn is_exhausted(&self, challenge: &Challenge) -> bool {
        challenge.attempts() >= self.config().policy().attempts_per_challenge()
    }

    /// Whether an open challenge has no attempts or no resends left.
    pub(super) fn is_used_up(&self, challenge: &Challenge) -> bool {
        self.is_exhausted(challenge) || challenge.resends_left(self.config().policy()) == 0
    }

    pub(super) fn page<'c>(&'c self, challenge: &'c Challenge, sent: Sent) -> CodePage<'c> {
        CodePage {
            challenge,
            policy: self.config().policy(),
            digits: self.config().format().len(),
            to: self.ending_of_number(),
            sender_number: self.config().sender_number(),
            sent,
        }
    }

    /// Returns the digits that the user recognises the number by.
    fn ending_of_number(&self) -> String {
        let shown = self.config().shown_digits();
        self.recipient
            .as_ref()
            .map_or_else(|_| String::new(), |to| to.phone.last_digits(shown).to_owned())
    }

    /// Returns the same call with the login at `generation`.
    pub(super) fn at_generation(&self, generation: u32, sent: Sent) -> Self {
        Self {
            recipient: self.recipient.clone(),
            state: Some(OtpState { generation, sent }),
            ..*self
        }
    }

    /// Asks for the code of `challenge`, with no news.
    pub(super) fn ask_again(&self, challenge: &Challenge) -> Reply {
        self.ask(challenge, self.sent(), |prompt| prompt)
    }

    /// Asks for the code with the prompt that `change` returns.
    pub(super) fn ask(
        &self,
        challenge: &Challenge,
        sent: Sent,
        change: impl FnOnce(Prompt) -> Prompt,
    ) -> Reply {
        if challenge.delivery() == DeliveryStatus::ChangedHands {
            return self.changed_hands(challenge);
        }
        if self.is_exhausted(challenge) {
            return self.end(Ended::Exhausted);
        }
        let prompt = change(self.page(challenge, sent).prompt());
        let state = OtpState { generation: self.generation(), sent };
        Reply::new(Step::Prompt(prompt)).with_state(state.to_state())
    }

    /// Offers a new code in place of one that cannot be used any more. Keeps the state.
    pub(super) fn end(&self, why: Ended) -> Reply {
        self.keep(Step::Prompt(prompts::needs_new_code(why)))
    }

    /// Returns `step` and keeps the state.
    pub(super) fn keep(&self, step: Step) -> Reply {
        let reply = Reply::new(step);
        match self.context.state {
            Some(state) => reply.with_state(state.clone()),
            None => reply,
        }
    }

    pub(super) fn unavailable(&self, unavailable: Unavailable) -> Reply {
        self.keep(Step::Unavailable(unavailable))
    }

    /// Reports that the number of `challenge` belongs to another person: no code is asked for, and none is
    /// sent. The user can use another factor.
    pub(super) fn changed_hands(&self, challenge: &Challenge) -> Reply {
        self.audit(self.about("otp.number_changed_hands", challenge));
        self.unavailable(prompts::changed_hands())
    }

    /// Creates an event about the message of `challenge`.
    pub(super) fn about(&self, event: &'static str, challenge: &Challenge) -> AuditEvent {
        let event = AuditEvent::new(event).with("challenge", challenge.id());
        let Ok(to) = &self.recipient else { return event };
        event
            .with("number", self.config().pseudonym_key().pseudonym(to.phone.as_e164()))
            .with("to", to.phone.masked())
    }

    /// Logs what became of the budget, if there is anything to tell.
    pub(super) fn note_budget(&self, note: Option<BudgetNote>) {
        if let Some(note) = note {
            self.parts.limit_notes.note_budget(note, self.now());
        }
    }

    pub(super) fn audit(&self, event: AuditEvent) {
        self.context.audit.record(event);
    }
}

/// Finds a service that the plugin cannot do without.
pub(super) fn service<'s, T>(
    services: &'s Services,
    name: &'static str,
) -> Result<&'s Arc<T>, PluginError>
where
    T: ?Sized + Send + Sync + 'static,
{
    services.find::<Arc<T>>().ok_or(PluginError::MissingService(name))
}

/// Wakes every page that waits for news of `subject`. If that fails, the pages of other nodes show the news
/// after their next look-up.
pub(super) async fn notify(notifier: Option<&Arc<dyn Notifier>>, subject: SubjectKey) {
    let Some(notifier) = notifier else { return };
    if let Err(error) = notifier.notify(subject).await {
        trace::failed("the pages of other nodes were not notified", &error);
    }
}

/// Returns the seconds since 1970, as audit events carry instants.
pub(super) fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
