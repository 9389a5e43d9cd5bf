//! A login from the password to the session: steps 2 to 10 (ARCHITECTURE.md).

use std::time::SystemTime;

use mfa_plugin_api::{AuthenticationMethod, ClientFacts, Evidence, FactorId, Randomness};

use super::core::AuthModule;
use crate::{
    audit::AuditRecord,
    destination::Destination,
    error::{AuthError, AuthErrorKind},
    evidence::{self, FactorEvidence},
    factor_snapshot::FactorSnapshot,
    login::{Completed, PasswordVerified, PendingLogin, Recorded, Saved, Session},
    policy::{CLOCK_SKEW, FactorChoice},
    session_record::{SessionClient, SessionId, SessionRecord, UserSnapshot},
    session_store::{PendingRecord, Sessions as _, UpdateOutcome, Version},
    token::{PendingToken, SessionToken, TokenDigest},
    user::{User, UserId},
    users::Change,
};

/// How often to merge evidence into a login that other tabs keep changing, before giving up.
const MERGE_ATTEMPTS: usize = 32;

impl AuthModule {
    /// Opens a pending login for a user who gave the right password, on the way to `destination`.
    ///
    /// # Errors
    ///
    /// When the store or the random generator failed.
    #[tracing::instrument(skip_all)]
    pub async fn open_pending(
        &self,
        verified: PasswordVerified,
        destination: Destination,
        client: &ClientFacts,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<(PendingToken, PendingLogin), AuthError> {
        let PasswordVerified { user, evidence } = verified;
        let expires_at = now + self.parts.settings.pending_lifetime;
        let flow = new_flow(randomness)?;
        let mut record = PendingRecord::new(flow, &user, destination, now, expires_at);
        record.evidence.push(FactorEvidence::new(FactorId::PASSWORD, &evidence));
        let opened = AuditRecord::new("login.opened", now);
        self.store_pending(record, user, opened.from(client.address), randomness).await
    }

    /// Opens a pending login that steps up `session`: it starts with the session's evidence, and ends
    /// the session when it completes. `None` if the user is gone, disabled, or has a new password.
    ///
    /// # Errors
    ///
    /// When the store, the users or the random generator failed.
    pub async fn open_step_up(
        &self,
        session: &Session,
        destination: Destination,
        client: &ClientFacts,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<Option<(PendingToken, PendingLogin)>, AuthError> {
        // Plugins need more of the user than the session's snapshot has.
        let user = self.parts.users.find_by_id(&session.user().id).await?;
        let is_same =
            |user: &User| !user.is_disabled && user.generation == session.user().generation;
        let Some(user) = user.filter(is_same) else { return Ok(None) };
        let expires_at = (now + self.parts.settings.pending_lifetime).min(session.expires_at());
        let flow = new_flow(randomness)?;
        let mut record = PendingRecord::new(flow, &user, destination, now, expires_at);
        record.evidence.clone_from(&session.record.evidence);
        record.step_up_session = Some(session.token);
        let opened = AuditRecord::new("login.step_up_opened", now).from(client.address);
        self.store_pending(record, user, opened, randomness).await.map(Some)
    }

    async fn store_pending(
        &self,
        record: PendingRecord,
        user: User,
        opened: AuditRecord,
        randomness: &dyn Randomness,
    ) -> Result<(PendingToken, PendingLogin), AuthError> {
        let token = PendingToken::generate(randomness)?;
        self.record(opened.about(&user.id).in_flow(&record.flow));
        self.sessions.open_pending(token.digest(), record.clone()).await?;
        let digest = token.digest();
        let checked_at = record.opened_at;
        let login =
            PendingLogin { token: digest, version: Version::FIRST, record, user, checked_at };
        Ok((token, login))
    }

    /// Returns the pending login of this token. `None` if it is unknown or expired, or if its user is
    /// gone, disabled, or has a new password. Also `None` if it was opened more than [`CLOCK_SKEW`] after
    /// `now`: the clock was ahead then.
    ///
    /// # Errors
    ///
    /// When the store or the users failed.
    pub async fn load_pending(
        &self,
        token: &PendingToken,
        now: SystemTime,
    ) -> Result<Option<PendingLogin>, AuthError> {
        self.load_pending_by(token.digest(), now).await
    }

    /// Loads `login` again, with what other requests have changed; `None` as for
    /// [`load_pending`](Self::load_pending).
    ///
    /// # Errors
    ///
    /// When the store or the users failed.
    pub async fn reload_pending(
        &self,
        login: &PendingLogin,
        now: SystemTime,
    ) -> Result<Option<PendingLogin>, AuthError> {
        self.load_pending_by(login.token, now).await
    }

    async fn load_pending_by(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<PendingLogin>, AuthError> {
        let Some((record, version)) = self.sessions.load_pending(token, now).await? else {
            return Ok(None);
        };
        if record.opened_at > now + CLOCK_SKEW {
            return Ok(None);
        }
        let user = self.unchanged_user(&record).await?;
        Ok(user.map(|user| PendingLogin { token, version, record, user, checked_at: now }))
    }

    /// Returns the user of a pending login; `None` if the user is gone, disabled, or has a new password.
    async fn unchanged_user(&self, record: &PendingRecord) -> Result<Option<User>, AuthError> {
        let user = self.parts.users.find_by_id(&record.user_id).await?;
        Ok(user.filter(|user| !user.is_disabled && user.generation == record.generation))
    }

    /// Returns the factors that `login` still has to satisfy for its destination, in the order of
    /// asking. If there is none, [`complete`](Self::complete) is next.
    pub fn missing_factors(&self, login: &PendingLogin, now: SystemTime) -> Vec<FactorChoice> {
        let requirement = self.parts.policy.login_requirement(login.destination());
        requirement.missing(&login.record.evidence, now)
    }

    /// Stores the last reply of `factor`'s plugin, unless the login was changed since `login` was loaded.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub async fn save_factor(
        &self,
        login: &PendingLogin,
        factor: &FactorId,
        snapshot: &FactorSnapshot,
    ) -> Result<Saved, AuthError> {
        let mut changed = login.clone();
        changed.record.factors.insert(factor.clone(), snapshot.clone());
        if changed.record == login.record {
            return Ok(Saved::Done(changed));
        }
        let store = &self.sessions;
        Ok(match store.save_pending(login.token, changed.record.clone(), login.version).await? {
            UpdateOutcome::Conflict => Saved::Conflict,
            UpdateOutcome::Gone => Saved::Gone,
            UpdateOutcome::Done => {
                changed.version = login.version.next();
                Saved::Done(changed)
            }
        })
    }

    /// Records that `factor` was satisfied. Merges the evidence into what other tabs have changed
    /// meanwhile, so it is never lost to a race.
    ///
    /// # Errors
    ///
    /// When the store failed, or evidence is from after `now` by more than [`CLOCK_SKEW`].
    #[tracing::instrument(skip_all)]
    pub async fn record_evidence(
        &self,
        login: &PendingLogin,
        factor: &FactorId,
        evidence: Evidence,
        now: SystemTime,
    ) -> Result<Recorded, AuthError> {
        let new = FactorEvidence::new(factor.clone(), &evidence);
        if new.verified_at > now + CLOCK_SKEW {
            return Err(AuthError::new(AuthErrorKind::Corrupt, "evidence from the future"));
        }
        let mut login = login.clone();
        for _ in 0..MERGE_ATTEMPTS {
            evidence::add(&mut login.record.evidence, new.clone());
            let (token, read) = (login.token, login.version);
            match self.sessions.save_pending(token, login.record.clone(), read).await? {
                UpdateOutcome::Done => {
                    login.version = read.next();
                    self.record_satisfied(&login, &new, now);
                    let missing = self.missing_factors(&login, now);
                    return Ok(Recorded::Done { login, missing });
                }
                UpdateOutcome::Gone => return Ok(Recorded::Gone),
                UpdateOutcome::Conflict => match self.load_pending_by(token, now).await? {
                    Some(current) => login = current,
                    None => return Ok(Recorded::Gone),
                },
            }
        }
        Err(changed_too_often())
    }

    fn record_satisfied(&self, login: &PendingLogin, new: &FactorEvidence, now: SystemTime) {
        self.record(
            AuditRecord::new("factor.satisfied", now)
                .about(&login.user.id)
                .in_flow(&login.record.flow)
                .with("factor", new.factor.as_str())
                .with("amr", new.methods.join(" ")),
        );
    }

    /// Opens the session, if every required factor has evidence. The same step ends the pending login,
    /// and the session that it steps up. Of any number of requests, exactly one gets
    /// [`Completed::Opened`].
    ///
    /// A session that was stepped up keeps the expiry of the one it replaces. Only a login with a
    /// password gets a new lifetime.
    ///
    /// # Errors
    ///
    /// When a store, the audit trail or the random generator failed. Then no token leaves this call,
    /// so no session can be used.
    #[tracing::instrument(skip_all)]
    pub async fn complete(
        &self,
        login: &PendingLogin,
        client: &ClientFacts,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<Completed, AuthError> {
        // A new password ends pending logins. It ends none that is stored a moment later, for the former password.
        if self.unchanged_user(&login.record).await?.is_none() {
            return Ok(Completed::Gone);
        }
        let token = SessionToken::generate(randomness)?;
        let id = SessionId::generate(randomness)?;
        // Not read again: it was written or read one call before. If it has changed since, its version has
        // too, and the store reports a conflict.
        let mut current = login.clone();
        for _ in 0..MERGE_ATTEMPTS {
            // The store compares the version, but not the time.
            if now >= current.record.expires_at {
                return Ok(Completed::Gone);
            }
            let missing = self.missing_factors(&current, now);
            if !missing.is_empty() {
                return Ok(Completed::Missing(missing));
            }
            let expires_at = match current.record.step_up_session {
                None => now + self.parts.settings.session_lifetime,
                Some(replaced) => match self.sessions.load_session(replaced, now).await? {
                    Some(session) => session.record.expires_at,
                    None => return Ok(Completed::Gone),
                },
            };
            let record = session_of(&current, id.clone(), client, now, expires_at);
            let (pending, replaces) = (current.token, current.record.step_up_session);
            let (store, digest) = (&self.sessions, token.digest());
            match store.complete(pending, current.version, digest, record.clone(), replaces).await?
            {
                UpdateOutcome::Conflict => match self.load_pending_by(pending, now).await? {
                    Some(latest) => current = latest,
                    None => return Ok(Completed::Gone),
                },
                UpdateOutcome::Gone => return Ok(Completed::Gone),
                UpdateOutcome::Done => {
                    return self.opened(current, token, record, client, now).await;
                }
            }
        }
        Err(changed_too_often())
    }

    /// Remembers the address and forgets the wrong passwords for the password limits, and notes the time of the login.
    /// The session is open already, so a failure is only logged.
    async fn note_login(&self, user: &UserId, client: &ClientFacts, now: SystemTime) {
        if let Err(error) = self.remember_address(user, client, now).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the address of a login was not remembered"
            );
        }
        if let Err(error) = self.forget_failures(user, client, now).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the wrong passwords before a login were not forgotten"
            );
        }
        let Some(administration) = &self.parts.administration else { return };
        if let Err(error) = administration.users.change(user, Change::LoggedIn, now).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the time of a login was not noted"
            );
        }
    }

    /// Records a session that the store has just opened, and returns its token.
    async fn opened(
        &self,
        login: PendingLogin,
        token: SessionToken,
        record: SessionRecord,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<Completed, AuthError> {
        let amr = evidence::amr(&record.evidence);
        let amr: Vec<&str> = amr.iter().map(AuthenticationMethod::as_str).collect();
        self.record(
            AuditRecord::new("session.opened", now)
                .about(&login.user.id)
                .from(client.address)
                .in_flow(&record.flow)
                .with("amr", amr.join(" ")),
        );
        // No session without an audit record. The token has not left this function, so the session
        // cannot have been used.
        if let Err(unrecorded) = self.flush().await {
            self.sessions.end_session(token.digest()).await?;
            return Err(unrecorded);
        }
        self.note_login(&login.user.id, client, now).await;
        let idle_expires_at = now + self.parts.settings.session_idle;
        let session = Session { token: token.digest(), record, idle_expires_at };
        Ok(Completed::Opened { token, session, destination: login.record.destination })
    }

    /// Ends the pending login without success, as when the user cancels. Does nothing if it has
    /// ended.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub async fn end_pending(&self, token: &PendingToken) -> Result<(), AuthError> {
        self.sessions.end_pending(token.digest()).await.map(drop)
    }

    /// Like [`end_pending`](Self::end_pending), for a login that was loaded.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub async fn end_loaded_pending(&self, login: &PendingLogin) -> Result<(), AuthError> {
        self.sessions.end_pending(login.token).await.map(drop)
    }
}

fn session_of(
    login: &PendingLogin,
    id: SessionId,
    client: &ClientFacts,
    now: SystemTime,
    expires_at: SystemTime,
) -> SessionRecord {
    let user = UserSnapshot::new(&login.user, login.checked_at);
    let (flow, client) = (login.record.flow.clone(), SessionClient::new(client));
    let mut session = SessionRecord::new(id, flow, user, client, now, expires_at);
    session.evidence.clone_from(&login.record.evidence);
    session
}

fn changed_too_often() -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "a login changed too often to save it")
}

fn new_flow(randomness: &dyn Randomness) -> Result<String, AuthError> {
    let mut bytes = [0; 16];
    randomness.fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
