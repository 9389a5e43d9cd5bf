//! Getting one message out: quota, challenge, text, provider, in this order.

use mfa_plugin_api::{AuditEvent, PluginError, Prompt, Reply, Step};
use otp_cache::Charged;
use otp_core::{
    Challenge, Delivery, LockoutState, NewChallenge, Nonce, OpenRefused, PhoneNumber, ResendRefused,
};
use sms_sender::{OutgoingSms, Reference, SendOutcome};

use super::call::{Call, unix_seconds};
use crate::{
    prompts::{self, Ended},
    quotas::{Reached, SendQuotas},
    state::{OtpState, Sent, challenge_id},
    store_failed::store_failed,
};

/// How many ids a login may find in use before it gives up: each stands for a challenge that this
/// login opened and lost track of.
const LOST_CHALLENGES: u32 = 8;

/// What became of one message.
enum Handed {
    /// It is on its way, or may be.
    Out(Sent),
    /// It surely is not; the quota was given back.
    Not,
}

impl Call<'_> {
    /// The first message of this login.
    pub(super) async fn send_first(&self) -> Result<Reply, PluginError> {
        let generation = self.state.map_or(0, |state| state.generation.saturating_add(1));
        self.open_and_send(generation, |prompt, _| prompt).await
    }

    /// A new code in the place of one that is of no more use.
    pub(super) async fn send_new(&self) -> Result<Reply, PluginError> {
        let generation = self.generation().saturating_add(1);
        let told = |prompt: Prompt, to| prompt.with_notice(prompts::new_code_sent(to));
        self.open_and_send(generation, told).await
    }

    async fn open_and_send(
        &self,
        generation: u32,
        told: impl FnOnce(Prompt, String) -> Prompt,
    ) -> Result<Reply, PluginError> {
        let Some(phone) = &self.phone else {
            self.audit(AuditEvent::new("otp.no_number"));
            return Ok(self.unavailable(prompts::unavailable()));
        };
        let quotas = self.quotas(phone);
        let charged = match quotas.charge().await? {
            Ok(charged) => charged,
            Err(reached) => {
                // Another request of this very login may have used up the last message of the limit.
                let twin = if self.state.is_none() { self.open_challenge().await? } else { None };
                return Ok(match twin {
                    Some(challenge) => self.ask_at(&challenge),
                    None => self.limited(reached),
                });
            }
        };
        let (challenge, generation) = match self.open(generation).await {
            Ok(Opened::New(challenge, generation)) => (challenge, generation),
            Ok(Opened::Already(challenge, generation)) => {
                // Another request of this very login is sending it.
                quotas.refund(&charged).await;
                return Ok(self.at(generation, Sent::Unknown).ask_at(&challenge));
            }
            Ok(Opened::Refused(lockout_state)) => {
                quotas.refund(&charged).await;
                return Ok(self.stopped(lockout_state));
            }
            Err(error) => {
                quotas.refund(&charged).await;
                return Err(error);
            }
        };
        match self.hand_over(&challenge, phone, &quotas, &charged).await? {
            Handed::Out(sent) => {
                let call = self.at(generation, sent);
                let to = phone.masked();
                Ok(call.ask(&challenge, sent, |prompt| told(prompt, to)))
            }
            Handed::Not => {
                self.revoke(&challenge).await;
                let reply = Reply::new(Step::Unavailable(prompts::unavailable()));
                let state = OtpState { generation, sent: Sent::Unknown };
                Ok(reply.with_state(state.to_state()))
            }
        }
    }

    /// Sends the code of `challenge` again, if cooldown, count and quotas allow it.
    pub(super) async fn resend(&self, challenge: &Challenge) -> Result<Reply, PluginError> {
        let Some(phone) = &self.phone else {
            return Ok(self.unavailable(prompts::unavailable()));
        };
        let reject = |rejection| {
            Ok(self.ask(challenge, self.sent(), |prompt| prompt.with_rejection(rejection)))
        };
        // Told apart before anything is charged; what counts is the store's own check below.
        match challenge.resend_at(self.config().policy()) {
            Some(at) if self.now() < at => return reject(prompts::resend_wait(at, self.now())),
            Some(_) => {}
            None => return reject(prompts::resends_exhausted()),
        }
        // The provider would have to drop it: the code is too near its end to be of use by SMS.
        if self.is_past_deadline(challenge) {
            return reject(prompts::resends_exhausted());
        }
        let quotas = self.quotas(phone);
        let charged = match quotas.charge().await? {
            Ok(charged) => charged,
            Err(reached) => {
                self.audit_limit(reached);
                return reject(
                    reached.until.map_or_else(prompts::resend_failed, prompts::resend_limited),
                );
            }
        };
        let granted = self
            .store
            .grant_resend(self.subject, challenge.id(), self.config().policy(), self.now())
            .await;
        let refused = match granted {
            Ok(Ok(granted)) => {
                let handed = self.hand_over(&granted.challenge, phone, &quotas, &charged).await?;
                let Handed::Out(sent) = handed else {
                    let challenge = self.allow_sooner(granted.challenge).await;
                    let rejection = prompts::resend_failed();
                    return Ok(self
                        .ask(&challenge, self.sent(), |prompt| prompt.with_rejection(rejection)));
                };
                let notice = prompts::resent(phone.masked());
                return Ok(self.ask(&granted.challenge, sent, |prompt| prompt.with_notice(notice)));
            }
            Ok(Err(refused)) => refused,
            Err(error) => {
                quotas.refund(&charged).await;
                return Err(store_failed("granting a resend", error));
            }
        };
        quotas.refund(&charged).await;
        match refused {
            ResendRefused::TooEarly { at } => reject(prompts::resend_wait(at, self.now())),
            ResendRefused::Exhausted => reject(prompts::resends_exhausted()),
            ResendRefused::AttemptsExhausted => Ok(self.end(Ended::Exhausted)),
            ResendRefused::Expired | ResendRefused::NotFound => Ok(self.end(Ended::Expired)),
            ResendRefused::Locked { until } => Ok(self.stopped(LockoutState::Locked { until })),
            ResendRefused::Blocked => Ok(self.stopped(LockoutState::Blocked)),
        }
    }

    fn quotas(&self, phone: &PhoneNumber) -> SendQuotas<'_> {
        let config = self.config();
        SendQuotas::new(
            self.quota.as_ref(),
            config.limits(),
            config.pseudonym_key(),
            self.context,
            phone,
        )
    }

    /// Opens this login's next challenge. Ids that are in use belong to calls that were cut off.
    async fn open(&self, first: u32) -> Result<Opened, PluginError> {
        for generation in first..first.saturating_add(LOST_CHALLENGES) {
            let id = challenge_id(self.context, generation);
            let mut nonce = [0; 16];
            self.context.randomness.fill(&mut nonce)?;
            let new = NewChallenge {
                id,
                purpose: self.config().purpose(),
                kid: self.parts.keys.current_id(),
                nonce: Nonce::from_bytes(nonce),
                expires_at: self.now() + self.config().lifetime(),
            };
            let opened = self.store.open(self.subject, new, self.config().policy(), self.now());
            match opened.await.map_err(|error| store_failed("opening a challenge", error))? {
                Ok(challenge) => return Ok(Opened::New(challenge, generation)),
                Err(OpenRefused::Locked { until } | OpenRefused::TooManyOpen { until }) => {
                    return Ok(Opened::Refused(LockoutState::Locked { until }));
                }
                Err(OpenRefused::Blocked) => return Ok(Opened::Refused(LockoutState::Blocked)),
                Err(OpenRefused::DuplicateId) => {
                    let found = self.store.load(self.subject, id, self.now()).await;
                    let found =
                        found.map_err(|error| store_failed("loading a challenge", error))?;
                    if let Some(challenge) = found {
                        return Ok(Opened::Already(challenge, generation));
                    }
                }
            }
        }
        Err(PluginError::Internal {
            context: "opening a challenge",
            source: "every id of this login is in use".into(),
        })
    }

    /// Renders the text and gives it to the sender. What surely did not go out is refunded.
    async fn hand_over(
        &self,
        challenge: &Challenge,
        phone: &PhoneNumber,
        quotas: &SendQuotas<'_>,
        charged: &Charged,
    ) -> Result<Handed, PluginError> {
        let sms = match self.render(challenge, phone) {
            Ok(sms) => sms,
            Err(error) => {
                quotas.refund(charged).await;
                return Err(error);
            }
        };
        let outcome = self.parts.sender.send(&sms).await;
        let event = |name| {
            AuditEvent::new(name)
                .with("challenge", challenge.id())
                .with("number", self.config().pseudonym_key().pseudonym(phone.as_e164()))
                .with("to", phone.masked())
        };
        match outcome {
            Ok(SendOutcome::Accepted(accepted)) => {
                let id = accepted.id.as_deref().unwrap_or_default();
                self.audit(event("otp.sent").with("message", id));
                quotas.settle(accepted.charged_count).await;
                Ok(Handed::Out(Sent::Accepted))
            }
            Ok(SendOutcome::Refused(reason)) => {
                self.audit(event("otp.send_refused").with("reason", reason.as_str()));
                quotas.refund(charged).await;
                Ok(Handed::Not)
            }
            Err(error) if error.is_not_sent() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "sms not sent");
                self.audit(event("otp.not_sent"));
                quotas.refund(charged).await;
                Ok(Handed::Not)
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "sms outcome unknown");
                self.audit(event("otp.send_unknown"));
                Ok(Handed::Out(Sent::Unknown))
            }
        }
    }

    fn render(
        &self,
        challenge: &Challenge,
        phone: &PhoneNumber,
    ) -> Result<OutgoingSms, PluginError> {
        let config = self.config();
        let code = challenge
            .code(&self.parts.keys, &self.binding(phone), config.format())
            .map_err(|error| PluginError::Internal {
                context: "deriving a code",
                source: Box::new(error),
            })?;
        let life = challenge.expires_at().duration_since(self.now()).unwrap_or_default();
        let text = config.templates().render(&self.context.client.locale, &code, life);
        let text = text.map_err(|error| PluginError::Internal {
            context: "writing a message",
            source: Box::new(error),
        })?;
        let reference = Reference::new(challenge.id(), challenge.resends());
        let sms =
            OutgoingSms::new(phone.clone(), text.expose_secret().to_owned(), reference, self.now());
        Ok(match config.deadline(challenge.expires_at()) {
            Some(deadline) => sms.with_deadline(deadline),
            None => sms,
        })
    }

    /// Whether a message of this code would have to be sent by now. Providers know whole seconds.
    fn is_past_deadline(&self, challenge: &Challenge) -> bool {
        let deadline = self.config().deadline(challenge.expires_at());
        deadline.is_some_and(|deadline| unix_seconds(deadline) <= unix_seconds(self.now()))
    }

    /// Shortens the cooldown after a resend that did not go out: the user has nothing to wait for.
    async fn allow_sooner(&self, challenge: Challenge) -> Challenge {
        let (policy, now) = (self.config().policy(), self.now());
        let noted = self
            .store
            .record_delivery(self.subject, challenge.id(), Delivery::Error, policy, now)
            .await;
        if let Err(error) = noted {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed resend not noted");
        }
        self.open_challenge().await.ok().flatten().unwrap_or(challenge)
    }

    /// The challenge of a message that did not go out is of no use to anybody.
    async fn revoke(&self, challenge: &Challenge) {
        if let Err(error) = self.store.revoke(self.subject, challenge.id()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "challenge not revoked");
        }
    }

    fn limited(&self, reached: Reached) -> Reply {
        self.audit_limit(reached);
        self.unavailable(reached.until.map_or_else(prompts::unavailable, prompts::limited))
    }

    fn audit_limit(&self, reached: Reached) {
        let event = AuditEvent::new("otp.limited").with("limit", reached.limit);
        self.audit(match reached.until {
            Some(until) => event.with("until", unix_seconds(until)),
            None => event,
        });
    }
}

/// What came of opening a challenge.
enum Opened {
    /// It is ours to send.
    New(Challenge, u32),
    /// Another request of this login opened it, and sends it.
    Already(Challenge, u32),
    /// The user may not have one.
    Refused(LockoutState),
}
