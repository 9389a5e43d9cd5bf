//! What a policy may look at.

use std::{collections::BTreeSet, fmt, net::IpAddr, time::SystemTime};

use crate::{destination::AppName, evidence::FactorEvidence, name::LoginName, user::UserId};

/// Everything about one request that a [`Policy`](crate::Policy) may look at.
///
/// Borrowed, and open to further fields: build it with [`new`](Self::new) and the `with_…` functions.
/// `Debug` does not show the path, which can hold an application's own secrets.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RequestFacts<'a> {
    /// The application that the request is for.
    pub app: &'a AppName,
    /// The HTTP method, as the request spells it.
    pub method: &'a str,
    /// Whether this is a CORS preflight request: `OPTIONS` with `Access-Control-Request-Method`.
    pub is_preflight: bool,
    /// The path that will be forwarded: absolute, without the query.
    pub path: &'a str,
    /// The address of the client.
    pub client: IpAddr,
    /// The user of the session; `None` without a session.
    pub user: Option<UserFacts<'a>>,
    /// The time of the decision.
    pub now: SystemTime,
}

impl<'a> RequestFacts<'a> {
    /// Returns the facts about a request without a session.
    pub fn new(
        app: &'a AppName,
        method: &'a str,
        path: &'a str,
        client: IpAddr,
        now: SystemTime,
    ) -> Self {
        Self { app, method, is_preflight: false, path, client, user: None, now }
    }

    /// Says that the request is a CORS preflight.
    #[must_use]
    pub fn as_preflight(mut self) -> Self {
        self.is_preflight = true;
        self
    }

    /// Sets the user of the session.
    #[must_use]
    pub fn with_user(mut self, user: UserFacts<'a>) -> Self {
        self.user = Some(user);
        self
    }
}

impl fmt::Debug for RequestFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFacts")
            .field("app", &self.app)
            .field("method", &self.method)
            .field("is_preflight", &self.is_preflight)
            .field("client", &self.client)
            .field("user", &self.user)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// The user of a session and what the session proves.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct UserFacts<'a> {
    /// The canonical id.
    pub id: &'a UserId,
    /// The name typed to log in.
    pub login_name: &'a LoginName,
    /// The groups.
    pub groups: &'a BTreeSet<String>,
    /// The satisfied factors, each with its methods (`amr`) and time.
    pub evidence: &'a [FactorEvidence],
}

impl<'a> UserFacts<'a> {
    /// Returns these facts.
    pub fn new(
        id: &'a UserId,
        login_name: &'a LoginName,
        groups: &'a BTreeSet<String>,
        evidence: &'a [FactorEvidence],
    ) -> Self {
        Self { id, login_name, groups, evidence }
    }
}
