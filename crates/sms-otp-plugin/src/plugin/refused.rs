//! What a user sees whose message a limit refuses, and what an operator learns of it.

use std::time::Duration;

use mfa_plugin_api::{AuditEvent, PluginError, Rejection, Reply};
use otp_cache::{Charge, QuotaKey};
use otp_core::{Challenge, PhoneNumber, gcra::Rate};

use super::call::{Call, unix_seconds};
use crate::{
    limits::SendLimit,
    prompts,
    quotas::{Checked, LimitReached, SendQuotas, TryQuotas},
    recipient::NoRecipient,
    trace,
};

/// The shortest time between two audit records about one limit of one user.
const BETWEEN_RECORDS: Duration = Duration::from_secs(10 * 60);

impl Call<'_> {
    /// Returns the limits on a message to `phone`.
    pub(super) fn quotas(&self, phone: &PhoneNumber) -> SendQuotas<'_> {
        let config = self.config();
        SendQuotas::new(
            self.quota.as_ref(),
            config.limits(),
            config.pseudonym_key(),
            self.context,
            phone,
            self.parts.templates.longest_parts(&self.context.client.locale),
        )
    }

    /// Returns the page for a user whom no message can be sent to. A try counts as for a user with a number.
    pub(super) async fn without_recipient(&self, why: NoRecipient) -> Result<Reply, PluginError> {
        let config = self.config();
        let quota = self.quota.as_ref();
        let tries = TryQuotas::new(quota, config.limits(), config.pseudonym_key(), self.context);
        Ok(match tries.charge().await? {
            Ok(()) => {
                self.audit(AuditEvent::new(why.event()));
                self.unavailable(prompts::unavailable())
            }
            Err(reached) => self.limited(reached).await,
        })
    }

    /// Returns the page for a message that the limits refuse.
    pub(super) async fn refused(
        &self,
        refused: Checked,
        quotas: &SendQuotas<'_>,
    ) -> Result<Reply, PluginError> {
        Ok(match self.limit_of(refused, quotas).await? {
            Some(reached) => self.limited(reached).await,
            None => self.unavailable(prompts::unavailable()),
        })
    }

    /// Returns the page for a resend that the limits refuse.
    pub(super) async fn resend_refused(
        &self,
        challenge: &Challenge,
        refused: Checked,
        quotas: &SendQuotas<'_>,
    ) -> Result<Reply, PluginError> {
        Ok(match self.limit_of(refused, quotas).await? {
            Some(reached) => self.resend_limited(challenge, reached).await,
            None => self.reject(challenge, prompts::resend_failed()),
        })
    }

    /// Returns the limit that a page names. A paused number counts a try, and its page names no limit: it looks
    /// like that of a provider that is down.
    async fn limit_of(
        &self,
        refused: Checked,
        quotas: &SendQuotas<'_>,
    ) -> Result<Option<LimitReached>, PluginError> {
        Ok(match refused {
            Checked::Limited(reached) => Some(reached),
            Checked::Free | Checked::Paused => match quotas.charge_try().await? {
                Ok(()) => {
                    self.parts.limit_notes.note(SendLimit::NumberPaused, self.now());
                    None
                }
                Err(reached) => Some(reached),
            },
        })
    }

    /// Notes the limit, and returns its page.
    pub(super) async fn limited(&self, reached: LimitReached) -> Reply {
        self.note(reached).await;
        let page = |until| prompts::limited(reached.limit, until);
        self.unavailable(reached.until.map_or_else(prompts::unavailable, page))
    }

    /// Notes the limit, and returns the page of `challenge` with it.
    pub(super) async fn resend_limited(
        &self,
        challenge: &Challenge,
        reached: LimitReached,
    ) -> Reply {
        self.note(reached).await;
        let rejection = |until| prompts::resend_limited(reached.limit, until);
        self.reject(challenge, reached.until.map_or_else(prompts::resend_failed, rejection))
    }

    /// Returns the page of `challenge` with a rejection.
    pub(super) fn reject(&self, challenge: &Challenge, rejection: Rejection) -> Reply {
        self.ask(challenge, self.sent(), |prompt| prompt.with_rejection(rejection))
    }

    /// Counts the limit, logs it, and records it in the audit trail, the last two not with each click.
    async fn note(&self, reached: LimitReached) {
        let (limit, now) = (reached.limit.as_str(), self.now());
        self.parts.limit_notes.note(reached.limit, now);
        let subject = self.context.subject;
        let user = self.config().pseudonym_key().pseudonym_of(&[subject.tenant(), subject.id()]);
        let key = QuotaKey::derive(&format!("sms/recorded/{limit}"), &user);
        let once = Rate::new(1, BETWEEN_RECORDS).expect("one in ten minutes is a rate");
        match self.quota.charge(&[Charge::new(key, once)], now).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return,
            Err(error) => return trace::failed("a limit was not recorded", &error),
        }
        let event = AuditEvent::new("otp.rate_limited").with("limit", limit);
        self.audit(match reached.until {
            Some(until) => event.with("until", unix_seconds(until)),
            None => event,
        });
    }

    /// Returns `reply` with the state of this call's generation.
    pub(super) fn at_its_generation(&self, reply: Reply) -> Reply {
        match self.state {
            Some(state) => reply.with_state(state.to_state()),
            None => reply,
        }
    }
}
