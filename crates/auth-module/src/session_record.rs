//! A session, as it is stored.

use std::{collections::BTreeSet, fmt, net::IpAddr, time::SystemTime};

use mfa_plugin_api::{ClientFacts, Randomness, RandomnessUnavailable};
use serde::{Deserialize, Serialize};

use crate::{
    evidence::FactorEvidence,
    name::LoginName,
    time::{millis, whole_millis},
    user::{User, UserId},
};

/// The public id of a session: 128 random bits as 32 hexadecimal digits. Not secret: no session can
/// be used with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// Makes a new id.
    ///
    /// # Errors
    ///
    /// When the random generator failed.
    pub fn generate(randomness: &dyn Randomness) -> Result<Self, RandomnessUnavailable> {
        let mut bytes = [0; 16];
        randomness.fill(&mut bytes)?;
        Ok(Self::from_random(bytes))
    }

    /// Makes the id of these random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// Reads an id: 32 lower-case hexadecimal digits. Returns `None` for anything else.
    pub fn parse(id: &str) -> Option<Self> {
        let is_id = id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| Self(id.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What decisions need to know about the user of a session, and when it was read.
///
/// It spares each request a call of [`Users`](crate::Users). Only an enabled user has sessions, so
/// there is no flag for a disabled one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UserSnapshot {
    /// The canonical id.
    #[serde(with = "crate::user::as_text")]
    pub id: UserId,
    /// The name typed to log in.
    #[serde(with = "crate::name::as_text")]
    pub login_name: LoginName,
    /// The name shown on pages.
    pub display_name: String,
    /// The groups that path rules ask for.
    pub groups: BTreeSet<String>,
    /// See [`User::generation`]. If the user's has changed, the session ends.
    pub generation: u64,
    /// When the user was read, in whole milliseconds.
    #[serde(with = "millis")]
    pub checked_at: SystemTime,
}

impl UserSnapshot {
    /// Makes a snapshot of a user who was read at `checked_at`.
    pub fn new(user: &User, checked_at: SystemTime) -> Self {
        Self {
            id: user.id.clone(),
            login_name: user.login_name.clone(),
            display_name: user.display_name.clone(),
            groups: user.groups.clone(),
            generation: user.generation,
            checked_at: whole_millis(checked_at),
        }
    }
}

/// The browser that opened a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionClient {
    /// Its address.
    pub address: IpAddr,
    /// Its `User-Agent`, as sent and cut by the host.
    pub user_agent: Option<String>,
}

impl SessionClient {
    /// Keeps what a session remembers of `client`.
    pub fn new(client: &ClientFacts) -> Self {
        Self { address: client.address, user_agent: client.user_agent.clone() }
    }
}

/// A session, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The public id, for lists.
    pub id: SessionId,
    /// The name of the login that opened it.
    pub flow: String,
    /// Whose session it is.
    pub user: UserSnapshot,
    /// What was proved, in the order of proof.
    pub evidence: Vec<FactorEvidence>,
    /// The browser that opened it.
    pub client: SessionClient,
    /// When it was opened.
    #[serde(with = "millis")]
    pub opened_at: SystemTime,
    /// When it expires, even if it is in use.
    #[serde(with = "millis")]
    pub expires_at: SystemTime,
}

impl SessionRecord {
    /// Makes the record of a session that nothing was proved in yet.
    pub fn new(
        id: SessionId,
        flow: String,
        user: UserSnapshot,
        client: SessionClient,
        opened_at: SystemTime,
        expires_at: SystemTime,
    ) -> Self {
        let (opened_at, expires_at) = (whole_millis(opened_at), whole_millis(expires_at));
        Self { id, flow, user, evidence: Vec::new(), client, opened_at, expires_at }
    }
}

/// A session in a store, and when it was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The session.
    pub record: SessionRecord,
    /// When it was last used, to the minute.
    pub seen_at: SystemTime,
}
