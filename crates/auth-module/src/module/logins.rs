//! Steps 2 to 10: a login from the password to the session.

use std::time::SystemTime;

use mfa_plugin_api::{AuthenticationMethod, ClientFacts, Evidence, FactorId, Randomness};

use super::AuthModule;
use crate::{
    audit::AuditRecord,
    destination::Destination,
    directory::Change,
    error::{AuthError, AuthErrorKind},
    evidence::{self, FactorEvidence},
    factor_snapshot::FactorSnapshot,
    login::{Completed, PasswordVerified, PendingLogin, Recorded, Saved, Session},
    policy::{CLOCK_SKEW, FactorChoice},
    session_store::{PendingRecord, SessionRecord, Swapped, Version},
    token::{PendingToken, SessionToken, TokenDigest},
    user::{User, UserId},
};

/// How often evidence is merged into a login that other tabs keep changing before giving up.
const MERGE_TRIES: usize = 32;

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
        let expires_at = now + self.parts.settings.pending_life;
        let flow = new_flow(randomness)?;
        let mut record = PendingRecord::new(flow, user.id.clone(), destination, now, expires_at);
        record.evidence.push(FactorEvidence::new(FactorId::PASSWORD, &evidence));
        let opened = AuditRecord::new("login.opened", now);
        self.keep_pending(record, user, opened.from(client.address), randomness).await
    }

    /// Opens a pending login that raises `session`: it starts with the session's evidence, and ends
    /// the session when it completes.
    ///
    /// # Errors
    ///
    /// As [`open_pending`](Self::open_pending).
    pub async fn open_step_up(
        &self,
        session: &Session,
        destination: Destination,
        client: &ClientFacts,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<(PendingToken, PendingLogin), AuthError> {
        let user = session.user.clone();
        let expires_at = (now + self.parts.settings.pending_life).min(session.expires_at());
        let flow = new_flow(randomness)?;
        let mut record = PendingRecord::new(flow, user.id.clone(), destination, now, expires_at);
        record.evidence.clone_from(&session.record.evidence);
        record.raises = Some(session.token);
        let opened = AuditRecord::new("login.step_up_opened", now);
        self.keep_pending(record, user, opened.from(client.address), randomness).await
    }

    async fn keep_pending(
        &self,
        record: PendingRecord,
        user: User,
        opened: AuditRecord,
        randomness: &dyn Randomness,
    ) -> Result<(PendingToken, PendingLogin), AuthError> {
        let token = PendingToken::generate(randomness)?;
        self.record(opened.about(&user.id).in_flow(&record.flow));
        self.parts.sessions.open_pending(token.digest(), record.clone()).await?;
        let login = PendingLogin { token: token.digest(), version: Version::FIRST, record, user };
        Ok((token, login))
    }

    /// The pending login of this token; `None` if it is unknown, over, or its user is gone or
    /// disabled.
    ///
    /// # Errors
    ///
    /// When the store or the directory failed.
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
    /// When the store or the directory failed.
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
        let Some((record, version)) = self.parts.sessions.load_pending(token, now).await? else {
            return Ok(None);
        };
        let user = self.parts.directory.find_by_id(&record.user_id).await?;
        let user = user.filter(|user| !user.is_disabled);
        Ok(user.map(|user| PendingLogin { token, version, record, user }))
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
        let store = &self.parts.sessions;
        Ok(match store.save_pending(login.token, changed.record.clone(), login.version).await? {
            Swapped::Conflict => Saved::Conflict,
            Swapped::Gone => Saved::Gone,
            Swapped::Done => {
                changed.version = login.version.next();
                Saved::Done(changed)
            }
        })
    }

    /// Records that `factor` was satisfied. What other tabs changed meanwhile is kept: evidence is
    /// merged, never lost to a race.
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
        for _ in 0..MERGE_TRIES {
            evidence::add(&mut login.record.evidence, new.clone());
            let (token, read) = (login.token, login.version);
            match self.parts.sessions.save_pending(token, login.record.clone(), read).await? {
                Swapped::Done => {
                    login.version = read.next();
                    self.record_satisfied(&login, &new, now);
                    let missing = self.missing_factors(&login, now);
                    return Ok(Recorded::Done { login, missing });
                }
                Swapped::Gone => return Ok(Recorded::Gone),
                Swapped::Conflict => match self.load_pending_by(token, now).await? {
                    Some(current) => login = current,
                    None => return Ok(Recorded::Gone),
                },
            }
        }
        Err(AuthError::new(AuthErrorKind::Unavailable, "a login is changed all the time"))
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

    /// Opens the session, if every required factor has evidence: ends the pending login, and the
    /// session that it raises, in the same step. Of any number of requests exactly one is answered
    /// with [`Completed::Opened`].
    ///
    /// A raised session keeps the end of the one it replaces: only a new login with a password lives
    /// anew.
    ///
    /// # Errors
    ///
    /// When the store, the directory, the audit trail or the random generator failed: then there is
    /// no token, so nobody holds a session.
    #[tracing::instrument(skip_all)]
    pub async fn complete(
        &self,
        login: &PendingLogin,
        client: &ClientFacts,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<Completed, AuthError> {
        let token = SessionToken::generate(randomness)?;
        let mut current = login.clone();
        for _ in 0..MERGE_TRIES {
            // Always from the store: a snapshot does not know that its login is over.
            let Some(latest) = self.load_pending_by(current.token, now).await? else {
                return Ok(Completed::Gone);
            };
            current = latest;
            let missing = self.missing_factors(&current, now);
            if !missing.is_empty() {
                return Ok(Completed::Missing(missing));
            }
            let Some(record) = self.session_of(&current, now).await? else {
                return Ok(Completed::Gone);
            };
            let (pending, replaces) = (current.token, current.record.raises);
            let store = &self.parts.sessions;
            let digest = token.digest();
            match store.complete(pending, current.version, digest, record.clone(), replaces).await?
            {
                Swapped::Conflict => {}
                Swapped::Gone => return Ok(Completed::Gone),
                Swapped::Done => return self.opened(current, token, record, client, now).await,
            }
        }
        Err(AuthError::new(AuthErrorKind::Unavailable, "a login is changed all the time"))
    }

    async fn session_of(
        &self,
        login: &PendingLogin,
        now: SystemTime,
    ) -> Result<Option<SessionRecord>, AuthError> {
        let mut expires_at = now + self.parts.settings.session_life;
        if let Some(raised) = login.record.raises {
            let Some((old, _)) = self.parts.sessions.load_session(raised).await? else {
                return Ok(None);
            };
            expires_at = old.expires_at;
        }
        let PendingRecord { flow, user_id, evidence, .. } = login.record.clone();
        Ok(Some(SessionRecord::new(flow, user_id, evidence, now, expires_at)))
    }

    /// Things worth knowing at the next login. The session is open by now, so what fails here is
    /// logged and does no harm.
    async fn note_login(&self, user: &UserId, client: &ClientFacts, now: SystemTime) {
        if let Err(error) = self.remember_address(user, client, now).await {
            tracing::warn!(%error, "the address of a login was not remembered");
        }
        match self.parts.directory.change(user, Change::LoggedIn, now).await {
            Err(error) if error.kind() != AuthErrorKind::ReadOnly => {
                tracing::warn!(%error, "the time of a login was not noted");
            }
            _ => {}
        }
    }

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
        if let Err(untraceable) = self.flush().await {
            self.parts.sessions.end_session(token.digest()).await?;
            return Err(untraceable);
        }
        self.note_login(&login.user.id, client, now).await;
        let idle_at = now + self.parts.settings.session_idle;
        let session = Session { token: token.digest(), record, user: login.user, idle_at };
        Ok(Completed::Opened { token, session, destination: login.record.destination })
    }

    /// Ends the pending login without success, as when the user cancels. Nothing happens if it is
    /// over.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub async fn end_pending(&self, token: &PendingToken) -> Result<(), AuthError> {
        self.parts.sessions.end_pending(token.digest()).await.map(drop)
    }

    /// Like [`end_pending`](Self::end_pending), for a login that was loaded.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub async fn end_loaded_pending(&self, login: &PendingLogin) -> Result<(), AuthError> {
        self.parts.sessions.end_pending(login.token).await.map(drop)
    }
}

fn new_flow(randomness: &dyn Randomness) -> Result<String, AuthError> {
    let mut bytes = [0; 16];
    randomness.fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
