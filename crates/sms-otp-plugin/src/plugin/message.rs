//! Sending one message: quota, challenge, text, provider, in this order.

use std::time::Duration;

use mfa_plugin_api::{PluginError, Prompt, Reply, Step};
use otp_core::{
    Challenge, DeliveryStatus, LockoutState, NewChallenge, Nonce, OpenRefused, ResendRefused,
};
use sms_sender::{OutgoingSms, Reference, RefusedReason, SmsOutcome, SmsReport};

use super::{
    call::{Call, unix_seconds},
    delivery::with_details,
};
use crate::{
    prompts::{self, Ended},
    quotas::{ChargedSend, Checked},
    recipient::Recipient,
    state::{Sent, challenge_id},
    store_failed::store_failed,
    trace,
};

/// How many challenge ids are tried before opening fails. An id that is in use belongs to a call of this login
/// that was cut off.
const MAX_IDS_TRIED: u32 = 8;

/// What became of one message.
enum SendAttempt {
    /// The message was sent. The provider bills this many parts, if it said so.
    Accepted(Option<u32>),
    /// The message was not sent: the number belongs to another person.
    ChangedHands,
    /// The message was not sent.
    NotSent,
    /// The message was not sent: the provider refuses this number, or limits its rate and may have said for how
    /// long.
    NumberRefused(Option<Duration>),
    /// The message may have been sent.
    Unknown,
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
        let told = |prompt: Prompt, sent| prompt.with_notice(prompts::new_code_sent(sent));
        self.open_and_send(generation, told).await
    }

    async fn open_and_send(
        &self,
        generation: u32,
        told: impl FnOnce(Prompt, Sent) -> Prompt,
    ) -> Result<Reply, PluginError> {
        let to = match &self.recipient {
            Ok(to) => to,
            Err(why) => return self.without_recipient(*why).await,
        };
        let quotas = self.quotas(&to.phone);
        // Before the challenge, which replaces an older one of this user.
        match quotas.check().await? {
            Checked::Free => {}
            refused => {
                let twin = self.at_generation(generation, Sent::Unknown);
                return match twin.open_challenge().await? {
                    // Another request of the same login sends the message that used up the limit.
                    Some(challenge) => Ok(twin.ask_again(&challenge)),
                    None => self.refused(refused, &quotas).await,
                };
            }
        }
        // Before the charge, so that of parallel requests of one login only the first one pays.
        let (challenge, generation) = match self.open(generation).await {
            Ok(opened) => opened,
            // Another request of the same login sends the message.
            Err(NotOpened::Already(challenge, generation)) => {
                return Ok(self.at_generation(generation, Sent::Unknown).ask_again(&challenge));
            }
            Err(NotOpened::Refused(lockout_state)) => return Ok(self.denied(lockout_state)),
            Err(NotOpened::Failed(error)) => return Err(error),
        };
        let call = self.at_generation(generation, Sent::Unknown);
        let charged = match quotas.charge().await {
            Ok(Ok(charged)) => charged,
            Ok(Err(reached)) => {
                self.revoke(&challenge).await;
                return Ok(call.at_its_generation(self.limited(reached).await));
            }
            Err(error) => {
                self.revoke(&challenge).await;
                return Err(error);
            }
        };
        let asked = |sent| {
            let prompt = |prompt| told(prompt, sent);
            Ok(self.at_generation(generation, sent).ask(&challenge, sent, prompt))
        };
        let step = match self.send_message(&challenge, to, charged).await? {
            SendAttempt::Accepted(_) => return asked(Sent::Accepted),
            SendAttempt::Unknown => return asked(Sent::Unknown),
            SendAttempt::ChangedHands => prompts::changed_hands(),
            SendAttempt::NotSent | SendAttempt::NumberRefused(_) => prompts::unavailable(),
        };
        self.revoke(&challenge).await;
        Ok(call.at_its_generation(Reply::new(Step::Unavailable(step))))
    }

    /// Sends the code of `challenge` again, if cooldown, count and quotas allow it.
    pub(super) async fn resend(&self, challenge: &Challenge) -> Result<Reply, PluginError> {
        let to = match &self.recipient {
            Ok(to) => to,
            Err(why) => return self.without_recipient(*why).await,
        };
        // Checked first, so that a refusal charges nothing. The store checks again, atomically.
        match challenge.resend_at(self.config().policy()) {
            Some(at) if self.now() < at => {
                return Ok(self.reject(challenge, prompts::resend_wait(at, self.now())));
            }
            Some(_) => {}
            None => return Ok(self.reject(challenge, prompts::resends_exhausted())),
        }
        // The code expires so soon that the provider would drop the message.
        if self.is_past_deadline(challenge) {
            return Ok(self.reject(challenge, prompts::resends_exhausted()));
        }
        let quotas = self.quotas(&to.phone);
        match quotas.check().await? {
            Checked::Free => {}
            refused => {
                return match self.open_challenge().await? {
                    // Another request of the same login sends the message that used up the limit.
                    Some(open) if open.resends() > challenge.resends() => Ok(self.ask_again(&open)),
                    _ => self.resend_refused(challenge, refused, &quotas).await,
                };
            }
        }
        let granted = self
            .store
            .grant_resend(self.subject, challenge.id(), self.config().policy(), self.now())
            .await
            .map_err(|error| store_failed("granting a resend", error))?;
        let granted = match granted {
            Ok(permit) => permit.challenge,
            Err(why) => return self.not_granted(why).await,
        };
        // After the permit, so that of parallel requests only the one that gets it pays.
        let charged = match quotas.charge().await? {
            Ok(charged) => charged,
            Err(reached) => {
                let challenge = self.shorten_cooldown(granted).await;
                return Ok(self.resend_limited(&challenge, reached).await);
            }
        };
        let resent =
            |sent| Ok(self.ask(&granted, sent, |prompt| prompt.with_notice(prompts::resent(sent))));
        match self.send_message(&granted, to, charged).await? {
            SendAttempt::Accepted(_) => resent(Sent::Accepted),
            SendAttempt::Unknown => resent(Sent::Unknown),
            SendAttempt::ChangedHands => {
                // The code of an earlier message may have been read by a stranger.
                let report = SmsReport::new(DeliveryStatus::ChangedHands);
                self.record(&granted, &report, self.now()).await?;
                Ok(self.unavailable(prompts::changed_hands()))
            }
            SendAttempt::NotSent | SendAttempt::NumberRefused(_) => {
                let challenge = self.shorten_cooldown(granted).await;
                Ok(self.reject(&challenge, prompts::resend_failed()))
            }
        }
    }

    /// Returns the page for a resend that the store did not grant.
    async fn not_granted(&self, why: ResendRefused) -> Result<Reply, PluginError> {
        Ok(match why {
            // Another request of the same login sends the message.
            ResendRefused::TooEarly { .. } => match self.open_challenge().await? {
                Some(open) => self.ask_again(&open),
                None => self.end(Ended::Expired),
            },
            ResendRefused::Exhausted => match self.open_challenge().await? {
                Some(open) => self.reject(&open, prompts::resends_exhausted()),
                None => self.end(Ended::Expired),
            },
            ResendRefused::AttemptsExhausted => self.end(Ended::Exhausted),
            ResendRefused::Expired | ResendRefused::NotFound => self.end(Ended::Expired),
            ResendRefused::Locked { until } => self.denied(LockoutState::Locked { until }),
            ResendRefused::Blocked => self.denied(LockoutState::Blocked),
        })
    }

    /// Opens the next challenge of this login. Ids in use belong to calls that were cut off.
    async fn open(&self, first: u32) -> Result<(Challenge, u32), NotOpened> {
        for generation in first..first.saturating_add(MAX_IDS_TRIED) {
            let id = challenge_id(self.context, generation);
            let mut nonce = [0; 16];
            self.context.randomness.fill(&mut nonce).map_err(PluginError::from)?;
            let new = NewChallenge {
                id,
                purpose: self.config().purpose(),
                kid: self.parts.keys.current_id(),
                nonce: Nonce::from_bytes(nonce),
                expires_at: self.now() + self.config().lifetime(),
            };
            let opened = self.store.open(self.subject, new, self.config().policy(), self.now());
            match opened.await.map_err(|error| store_failed("opening a challenge", error))? {
                Ok(challenge) => return Ok((challenge, generation)),
                Err(OpenRefused::Locked { until } | OpenRefused::TooManyOpen { until }) => {
                    return Err(NotOpened::Refused(LockoutState::Locked { until }));
                }
                Err(OpenRefused::Blocked) => {
                    return Err(NotOpened::Refused(LockoutState::Blocked));
                }
                Err(OpenRefused::DuplicateId) => {
                    let found = self.store.load(self.subject, id, self.now()).await;
                    let found =
                        found.map_err(|error| store_failed("loading a challenge", error))?;
                    if let Some(challenge) = found {
                        return Err(NotOpened::Already(challenge, generation));
                    }
                }
            }
        }
        Err(NotOpened::Failed(PluginError::Internal {
            context: "opening a challenge",
            source: "every id of this login is in use".into(),
        }))
    }

    /// Renders the text and sends it. Keeps the charge only if the message was sent, or may have been.
    async fn send_message(
        &self,
        challenge: &Challenge,
        to: &Recipient,
        charged: ChargedSend<'_>,
    ) -> Result<SendAttempt, PluginError> {
        let sent = match self.render(challenge, to) {
            Ok(sms) => Ok(self.hand_over(challenge, &sms).await),
            Err(error) => Err(error),
        };
        match sent {
            Ok(SendAttempt::Accepted(parts)) => self.note_budget(charged.keep(parts).await),
            Ok(SendAttempt::Unknown) => self.note_budget(charged.keep(None).await),
            Ok(SendAttempt::NumberRefused(retry_after)) => {
                charged.pause_number(retry_after).await;
                charged.refund().await;
            }
            Ok(SendAttempt::ChangedHands | SendAttempt::NotSent) | Err(_) => charged.refund().await,
        }
        sent
    }

    /// Passes the message to the provider, and records what became of it.
    async fn hand_over(&self, challenge: &Challenge, sms: &OutgoingSms) -> SendAttempt {
        // Before the message is sent, so that a fast report finds it.
        self.keep_note(challenge, sms.reference()).await;
        match self.parts.sender.send(sms).await {
            Ok(SmsOutcome::Accepted(accepted)) => {
                let id = accepted.id.as_deref().unwrap_or_default();
                let event = self.about("otp.sent", challenge).with("message", id);
                self.audit(with_details(event, accepted.carrier.as_deref(), accepted.parts));
                SendAttempt::Accepted(accepted.parts)
            }
            Ok(SmsOutcome::Refused(RefusedReason::ChangedHands)) => {
                self.audit(self.about("otp.number_changed_hands", challenge));
                SendAttempt::ChangedHands
            }
            Ok(SmsOutcome::Refused(reason)) => {
                let event = self.about("otp.send_refused", challenge);
                self.audit(event.with("reason", reason.as_str()));
                match reason {
                    RefusedReason::Number => SendAttempt::NumberRefused(None),
                    _ => SendAttempt::NotSent,
                }
            }
            Err(error) if error.is_not_sent() => {
                trace::failed("sms not sent", &error);
                let event = self.about("otp.not_sent", challenge);
                if error.is_rate_limited() {
                    self.audit(event.with("reason", "rate_limited"));
                    return SendAttempt::NumberRefused(error.retry_after());
                }
                self.audit(event);
                SendAttempt::NotSent
            }
            Err(error) => {
                trace::failed("sms outcome unknown", &error);
                self.audit(self.about("otp.send_unknown", challenge));
                SendAttempt::Unknown
            }
        }
    }

    fn render(&self, challenge: &Challenge, to: &Recipient) -> Result<OutgoingSms, PluginError> {
        let config = self.config();
        let code = challenge
            .code(&self.parts.keys, &self.binding(&to.phone), config.format())
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
        let text = text.expose_secret().to_owned();
        let mut sms = OutgoingSms::new(to.phone.clone(), text, reference, self.now());
        if let Some(deadline) = config.deadline(challenge.expires_at()) {
            sms = sms.with_deadline(deadline);
        }
        if let Some(since) = to.since {
            sms = sms.with_phone_since(since);
        }
        Ok(sms)
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
            trace::failed("the failed resend was not recorded", &error);
        }
        self.open_challenge().await.ok().flatten().unwrap_or(challenge)
    }

    /// Revokes the challenge of a message that was not sent.
    async fn revoke(&self, challenge: &Challenge) {
        if let Err(error) = self.store.revoke(self.subject, challenge.id()).await {
            trace::failed("challenge not revoked", &error);
        }
    }
}

/// Why this call did not open a challenge.
enum NotOpened {
    /// Another request of this login opened it and sends its message.
    Already(Challenge, u32),
    /// The store failed, or there was no randomness.
    Failed(PluginError),
    /// The user is locked out.
    Refused(LockoutState),
}

impl From<PluginError> for NotOpened {
    fn from(error: PluginError) -> Self {
        Self::Failed(error)
    }
}
