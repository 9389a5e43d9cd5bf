//! Verifying the code that the user typed.

use mfa_plugin_api::{AuditEvent, AuthenticationMethod, Evidence, PluginError, Reply, Step};
use otp_cache::consume_with_retries;
use otp_core::{
    Attempt, AttemptRefused, DeliveryStatus, LockoutState, Rejected, TypedCode, Verified,
};

use super::call::{Call, unix_seconds};
use crate::{
    prompts::{self, Ended},
    recipient::Recipient,
    state::challenge_id,
    store_failed::store_failed,
    trace,
};

impl Call<'_> {
    /// Normalises the typed code, counts the attempt, compares, and consumes the challenge.
    pub(super) async fn answer(&self, typed: &str) -> Result<Reply, PluginError> {
        let typed = match self.config().format().normalise(typed) {
            Ok(typed) => typed,
            Err(why) => {
                let rejection = prompts::malformed(why, self.config().format().len());
                return Ok(match self.open_challenge().await? {
                    Some(open) => {
                        self.ask(&open, self.sent(), |prompt| prompt.with_rejection(rejection))
                    }
                    None => self.end(Ended::Expired),
                });
            }
        };
        let id = challenge_id(self.context, self.generation());
        let counted = self
            .store
            .begin_attempt(self.subject, id, self.config().policy(), self.now())
            .await
            .map_err(|error| store_failed("counting an attempt", error))?;
        match counted {
            Ok(attempt) => self.compare(attempt, &typed).await,
            Err(refused) => Ok(self.not_counted(refused)),
        }
    }

    fn not_counted(&self, refused: AttemptRefused) -> Reply {
        match refused {
            AttemptRefused::AttemptsExhausted => self.end(Ended::Exhausted),
            AttemptRefused::Expired | AttemptRefused::NotFound => self.end(Ended::Expired),
            AttemptRefused::Locked { until } => self.denied(LockoutState::Locked { until }),
            AttemptRefused::Blocked => self.denied(LockoutState::Blocked),
        }
    }

    async fn compare(&self, attempt: Attempt, typed: &TypedCode) -> Result<Reply, PluginError> {
        let Ok(Recipient { phone, .. }) = &self.recipient else {
            // The number was removed while the code was on its way.
            return Ok(self.unavailable(prompts::unavailable()));
        };
        let challenge = attempt.challenge().clone();
        if challenge.delivery() == DeliveryStatus::ChangedHands {
            // A stranger may have read the code, so the right one is worth nothing either.
            return Ok(self.changed_hands(&challenge));
        }
        let (keys, format) = (&self.parts.keys, self.config().format());
        match attempt.verify(keys, &self.binding(phone), format, typed, self.now()) {
            Ok(verified) => self.consume(verified).await,
            Err(Rejected::Expired) => Ok(self.end(Ended::Expired)),
            Err(Rejected::KeyRetired) => {
                trace::warn("the key of an open challenge has left the key ring");
                Ok(self.end(Ended::Expired))
            }
            Err(Rejected::WrongCode { attempts_left, lockout_state }) => {
                self.audit(
                    AuditEvent::new("otp.wrong_code")
                        .with("challenge", challenge.id())
                        .with("attempts_left", attempts_left),
                );
                Ok(match (lockout_state, attempts_left) {
                    (LockoutState::Locked { .. } | LockoutState::Blocked, _) => {
                        self.record_lock(lockout_state);
                        self.denied(lockout_state)
                    }
                    (LockoutState::Open, 0) => self.end(Ended::Exhausted),
                    (LockoutState::Open, left) => self.ask(&challenge, self.sent(), |prompt| {
                        prompt.with_rejection(prompts::wrong(left))
                    }),
                })
            }
        }
    }

    async fn consume(&self, verified: Verified) -> Result<Reply, PluginError> {
        let id = verified.challenge_id();
        let consumed = consume_with_retries(self.store, verified, || self.now()).await;
        let consumed = consumed.map_err(|error| store_failed("consuming a challenge", error))?;
        if consumed.is_err() {
            // Another request with the same code was first, or the challenge expired in between.
            return Ok(self.end(Ended::Expired));
        }
        self.audit(AuditEvent::new("otp.verified").with("challenge", id));
        let methods = [AuthenticationMethod::OTP, AuthenticationMethod::SMS];
        Ok(Reply::new(Step::Done(Evidence::new(methods, self.now()))))
    }

    /// Records that a lock begins. A request that meets a lock records nothing.
    fn record_lock(&self, lockout_state: LockoutState) {
        match lockout_state {
            LockoutState::Open => {}
            LockoutState::Locked { until } => {
                self.audit(AuditEvent::new("otp.locked").with("until", unix_seconds(until)));
            }
            LockoutState::Blocked => self.audit(AuditEvent::new("otp.blocked")),
        }
    }

    /// Denies the factor to a user with too many wrong codes.
    pub(super) fn denied(&self, lockout_state: LockoutState) -> Reply {
        let denied = match lockout_state {
            LockoutState::Open => return self.end(Ended::Exhausted),
            LockoutState::Locked { until } => prompts::locked(until),
            LockoutState::Blocked => prompts::blocked(),
        };
        self.keep(Step::Denied(denied))
    }
}
