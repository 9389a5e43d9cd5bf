//! Sending one message: quota, challenge, text, provider, in this order.

use mfa_plugin_api::{AuditEvent, PluginError, Prompt, Reply, Step};
use otp_cache::Charged;
use otp_core::{
    Challenge, DeliveryStatus, LockoutState, NewChallenge, Nonce, OpenRefused, PhoneNumber,
    ResendRefused,
};
use sms_sender::{OutgoingSms, Reference, SmsOutcome};

use super::call::{Call, unix_seconds};
use crate::{
    prompts::{self, Ended},
    quotas::{LimitReached, SendQuotas},
    state::{OtpState, Sent, challenge_id},
    store_failed::store_failed,
};

/// How many challenge ids are tried before opening fails. An id that is in use belongs to a call of this login
/// that was cut off.
const MAX_IDS_TRIED: u32 = 8;

/// What became of one message.
enum SendAttempt {
    /// The message was sent, or may have been.
    MaybeSent(Sent),
    /// The message was not sent, and its quota was refunded.
    NotSent,
}

impl Call<'_> {
    /// Sends the first message of this login.
    pub(super) async fn send_first(&self) -> Result<Reply, PluginError> {
        let generation = self.state.map_or(0, |state| state.generation.saturating_add(1));
        self.open_and_send(generation, |prompt, _| prompt).await
    }

    /// Sends a new code in place of one that cannot be used any more.
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
            self.audit(AuditEvent::new("otp.phone_number_missing"));
            return Ok(self.unavailable(prompts::unavailable()));
        };
        let quotas = self.quotas(phone);
        let charged = match quotas.charge().await? {
            Ok(charged) => charged,
            Err(reached) => {
                // Another request of the same login may have used the last message of the limit.
                let twin = if self.state.is_none() { self.open_challenge().await? } else { None };
                return Ok(match twin {
                    Some(challenge) => self.ask_again(&challenge),
                    None => self.limited(reached),
                });
            }
        };
        let (challenge, generation) = match self.open(generation).await {
            Ok(Opened::New(challenge, generation)) => (challenge, generation),
            Ok(Opened::Already(challenge, generation)) => {
                // Another request of the same login sends the message.
                quotas.refund(&charged).await;
                return Ok(self.at_generation(generation, Sent::Unknown).ask_again(&challenge));
            }
            Ok(Opened::Refused(lockout_state)) => {
                quotas.refund(&charged).await;
                return Ok(self.denied(lockout_state));
            }
            Err(error) => {
                quotas.refund(&charged).await;
                return Err(error);
            }
        };
        match self.send_message(&challenge, phone, &quotas, &charged).await? {
            SendAttempt::MaybeSent(sent) => {
                let call = self.at_generation(generation, sent);
                let to = phone.masked();
                Ok(call.ask(&challenge, sent, |prompt| told(prompt, to)))
            }
            SendAttempt::NotSent => {
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
        // Checked first, so that a refusal charges nothing. The store checks again, atomically.
        match challenge.resend_at(self.config().policy()) {
            Some(at) if self.now() < at => return reject(prompts::resend_wait(at, self.now())),
            Some(_) => {}
            None => return reject(prompts::resends_exhausted()),
        }
        // The code expires so soon that the provider would drop the message.
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
                let handed =
                    self.send_message(&granted.challenge, phone, &quotas, &charged).await?;
                let SendAttempt::MaybeSent(sent) = handed else {
                    let challenge = self.shorten_cooldown(granted.challenge).await;
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
            ResendRefused::Locked { until } => Ok(self.denied(LockoutState::Locked { until })),
            ResendRefused::Blocked => Ok(self.denied(LockoutState::Blocked)),
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

    /// Opens the next challenge of this login. Ids in use belong to calls that were cut off.
    async fn open(&self, first: u32) -> Result<Opened, PluginError> {
        for generation in first..first.saturating_add(MAX_IDS_TRIED) {
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

    /// Renders the text and sends it. Refunds the quota of a message that was not sent.
    async fn send_message(
        &self,
        challenge: &Challenge,
        phone: &PhoneNumber,
        quotas: &SendQuotas<'_>,
        charged: &Charged,
    ) -> Result<SendAttempt, PluginError> {
        let sms = match self.render(challenge, phone) {
            Ok(sms) => sms,
            Err(error) => {
                quotas.refund(charged).await;
                return Err(error);
            }
        };
        // Before the message is sent, so that a fast report finds it.
        self.keep_note(challenge, sms.reference()).await;
        let outcome = self.parts.sender.send(&sms).await;
        let event = |name| {
            AuditEvent::new(name)
                .with("challenge", challenge.id())
                .with("number", self.config().pseudonym_key().pseudonym(phone.as_e164()))
                .with("to", phone.masked())
        };
        match outcome {
            Ok(SmsOutcome::Accepted(accepted)) => {
                let id = accepted.id.as_deref().unwrap_or_default();
                self.audit(event("otp.sent").with("message", id));
                quotas.settle(accepted.charged_count).await;
                Ok(SendAttempt::MaybeSent(Sent::Accepted))
            }
            Ok(SmsOutcome::Refused(reason)) => {
                self.audit(event("otp.send_refused").with("reason", reason.as_str()));
                quotas.refund(charged).await;
                Ok(SendAttempt::NotSent)
            }
            Err(error) if error.is_not_sent() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "sms not sent");
                self.audit(event("otp.not_sent"));
                quotas.refund(charged).await;
                Ok(SendAttempt::NotSent)
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "sms outcome unknown");
                self.audit(event("otp.send_unknown"));
                Ok(SendAttempt::MaybeSent(Sent::Unknown))
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
        let lifetime = challenge.expires_at().duration_since(self.now()).unwrap_or_default();
        let text = self.parts.templates.render(&self.context.client.locale, &code, lifetime);
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

    /// Whether the deadline for sending this code has passed. Providers count whole seconds.
    fn is_past_deadline(&self, challenge: &Challenge) -> bool {
        let deadline = self.config().deadline(challenge.expires_at());
        deadline.is_some_and(|deadline| unix_seconds(deadline) <= unix_seconds(self.now()))
    }

    /// Shortens the cooldown after a resend that was not sent: the user has nothing to wait for.
    async fn shorten_cooldown(&self, challenge: Challenge) -> Challenge {
        let (policy, now) = (self.config().policy(), self.now());
        let noted = self
            .store
            .record_delivery(self.subject, challenge.id(), DeliveryStatus::Failed, policy, now)
            .await;
        if let Err(error) = noted {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the failed resend was not recorded"
            );
        }
        self.open_challenge().await.ok().flatten().unwrap_or(challenge)
    }

    /// Revokes the challenge of a message that was not sent.
    async fn revoke(&self, challenge: &Challenge) {
        if let Err(error) = self.store.revoke(self.subject, challenge.id()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "challenge not revoked");
        }
    }

    fn limited(&self, reached: LimitReached) -> Reply {
        self.audit_limit(reached);
        self.unavailable(reached.until.map_or_else(prompts::unavailable, prompts::limited))
    }

    fn audit_limit(&self, reached: LimitReached) {
        let event = AuditEvent::new("otp.rate_limited").with("limit", reached.limit);
        self.audit(match reached.until {
            Some(until) => event.with("until", unix_seconds(until)),
            None => event,
        });
    }
}

/// The result of opening a challenge.
enum Opened {
    /// This call opened it and sends its message.
    New(Challenge, u32),
    /// Another request of this login opened it and sends its message.
    Already(Challenge, u32),
    /// The user is locked out.
    Refused(LockoutState),
}
