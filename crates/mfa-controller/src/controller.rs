//! The state machine itself.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_module::{AuthError, AuthModule, PasswordOutcome, PendingToken, Session};
use mfa_plugin_api::{ActionId, ClientFacts, FactorId, MfaPlugin, Randomness, Submission};
use secrecy::SecretString;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::{
    driver::{Call, Drive},
    step::{Failure, LoginStep, RejectedReason, RestartReason},
};

/// Tries again after a factor was unavailable or a denial has ended. The controller's own action;
/// every other one belongs to the factor's plugin.
pub const RETRY: ActionId = ActionId::from_static("retry");

/// Drives logins from the password to the session.
///
/// Cheap to clone; clones share everything. Knows plugins by the names of their factors only: a new
/// factor is one more element of the list given to [`new`](Self::new).
///
/// # Concurrency
///
/// Any number of calls for one login may run at once, from several tabs and on several nodes. What
/// must not race is decided in one atomic step elsewhere: attempts and codes by the plugin's store,
/// the end of a login by the authentication module. So of any number of right answers one opens a
/// session, and the others are told that the login is over.
///
/// # Cancel safety
///
/// A call that is dropped, as when the browser goes away, runs to its end in the background: a message
/// is never sent and then forgotten. [`drain`](Self::drain) waits for these.
#[derive(Debug, Clone)]
pub struct Controller {
    inner: Arc<Inner>,
    tasks: TaskTracker,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) auth: Arc<AuthModule>,
    pub(crate) plugins: BTreeMap<FactorId, Arc<dyn MfaPlugin>>,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) plugin_deadline: Duration,
}

/// Why a list of plugins is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPlugins {
    /// Two plugins for one factor.
    #[error("two plugins provide the factor {0}")]
    Duplicate(FactorId),
    /// The password is verified by the authentication module and by nobody else.
    #[error("a plugin provides the password")]
    Password,
}

/// A name and a password, and where they come from.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the fields of the login form and what goes with it")]
pub struct LoginRequest<'a> {
    /// The name as typed.
    pub username: &'a str,
    /// The password as typed.
    pub password: &'a SecretString,
    /// The browser.
    pub client: &'a ClientFacts,
    /// Where the user wanted to go: an absolute path with an optional query, checked by the host. Its
    /// path decides which factors are asked for.
    pub return_to: Option<String>,
}

impl Controller {
    /// How long a call of a plugin may take, if not [set](Self::with_plugin_deadline) otherwise.
    pub const DEFAULT_PLUGIN_DEADLINE: Duration = Duration::from_secs(20);

    /// A controller of these plugins, each asked when a policy names its factor.
    ///
    /// # Errors
    ///
    /// [`InvalidPlugins`] for two plugins of one factor, or one for the password.
    pub fn new(
        auth: Arc<AuthModule>,
        plugins: Vec<Arc<dyn MfaPlugin>>,
        randomness: Arc<dyn Randomness>,
    ) -> Result<Self, InvalidPlugins> {
        let mut by_factor = BTreeMap::new();
        for plugin in plugins {
            let factor = plugin.descriptor().factor.clone();
            if factor == FactorId::PASSWORD {
                return Err(InvalidPlugins::Password);
            }
            if by_factor.insert(factor.clone(), plugin).is_some() {
                return Err(InvalidPlugins::Duplicate(factor));
            }
        }
        let plugin_deadline = Self::DEFAULT_PLUGIN_DEADLINE;
        let inner = Inner { auth, plugins: by_factor, randomness, plugin_deadline };
        Ok(Self { inner: Arc::new(inner), tasks: TaskTracker::new() })
    }

    /// The same controller with another deadline for each call of a plugin. A call that exceeds it is
    /// dropped, and the login stays where it was.
    #[must_use]
    pub fn with_plugin_deadline(self, plugin_deadline: Duration) -> Self {
        let Inner { auth, plugins, randomness, .. } = &*self.inner;
        let inner = Inner {
            auth: Arc::clone(auth),
            plugins: plugins.clone(),
            randomness: Arc::clone(randomness),
            plugin_deadline,
        };
        Self { inner: Arc::new(inner), ..self }
    }

    /// The factors that a plugin provides.
    pub fn factors(&self) -> impl Iterator<Item = &FactorId> {
        self.inner.plugins.keys()
    }

    /// Steps 1 to 6: verifies the password, opens a pending login, and begins the first missing factor.
    ///
    /// A step with a [`Pending`](crate::Pending) carries the token for the pending cookie.
    pub async fn login(&self, request: LoginRequest<'_>, now: SystemTime) -> LoginStep {
        let LoginRequest { username, password, client, return_to } = request;
        let (auth, randomness) = (&self.inner.auth, &*self.inner.randomness);
        let outcome = auth.verify_password(username, password, client, randomness, now).await;
        let verified = match outcome {
            Ok(PasswordOutcome::Verified(verified)) => verified,
            Ok(PasswordOutcome::Rejected) => {
                return LoginStep::Rejected(RejectedReason::Credentials);
            }
            Ok(PasswordOutcome::Throttled { until }) => {
                return LoginStep::Rejected(RejectedReason::Throttled { until });
            }
            Ok(PasswordOutcome::Busy) => return LoginStep::Rejected(RejectedReason::Busy),
            Err(error) => return LoginStep::Failed(auth_failed(&error)),
        };
        let (inner, client) = (Arc::clone(&self.inner), client.clone());
        self.to_the_end(async move {
            let opened = inner
                .auth
                .open_pending(verified, return_to, &client, &*inner.randomness, now)
                .await;
            match opened {
                Ok((token, login)) => Drive::new(&inner, &client, token, now).start(login).await,
                Err(error) => LoginStep::Failed(auth_failed(&error)),
            }
        })
        .await
    }

    /// Starts a login that raises `session`, because the path of `return_to` asks for factors it lacks
    /// or for fresher ones. The session stays open meanwhile and ends when the raised one begins.
    pub async fn step_up(
        &self,
        session: &Session,
        client: &ClientFacts,
        return_to: Option<String>,
        now: SystemTime,
    ) -> LoginStep {
        let (inner, client, session) = (Arc::clone(&self.inner), client.clone(), session.clone());
        self.to_the_end(async move {
            let opened = inner
                .auth
                .open_step_up(&session, return_to, &client, &*inner.randomness, now)
                .await;
            match opened {
                Ok((token, login)) => Drive::new(&inner, &client, token, now).start(login).await,
                Err(error) => LoginStep::Failed(auth_failed(&error)),
            }
        })
        .await
    }

    /// The login as it stands: for a reload, the back button, another tab, or live status. Sends
    /// nothing and counts nothing.
    pub async fn view(
        &self,
        token: &PendingToken,
        client: &ClientFacts,
        now: SystemTime,
    ) -> LoginStep {
        self.proceed(token, None, Call::View, client, now).await
    }

    /// The login as it stands, for live status only: unlike [`view`](Self::view) it neither begins a
    /// factor nor opens a session, because an event stream could hand no cookie on. A login that has
    /// nothing to watch is [`Restart`](LoginStep::Restart).
    pub async fn watch(
        &self,
        token: &PendingToken,
        client: &ClientFacts,
        now: SystemTime,
    ) -> LoginStep {
        self.proceed(token, None, Call::Watch, client, now).await
    }

    /// Steps 7 to 10: takes what the user typed.
    ///
    /// `factor` is the one whose page was filled in, if the form says so: an answer to a factor that
    /// another tab has done meanwhile is then not given to the next one.
    pub async fn submit(
        &self,
        token: &PendingToken,
        factor: Option<&FactorId>,
        submission: Submission,
        client: &ClientFacts,
        now: SystemTime,
    ) -> LoginStep {
        self.proceed(token, factor, Call::Submit(submission), client, now).await
    }

    /// Does one of the prompt's actions, or [`RETRY`].
    pub async fn action(
        &self,
        token: &PendingToken,
        factor: Option<&FactorId>,
        action: ActionId,
        client: &ClientFacts,
        now: SystemTime,
    ) -> LoginStep {
        let call = if action == RETRY { Call::Retry } else { Call::Action(action) };
        self.proceed(token, factor, call, client, now).await
    }

    /// Ends the login without success.
    pub async fn cancel(&self, token: &PendingToken) -> LoginStep {
        match self.inner.auth.end_pending(token).await {
            Ok(()) => LoginStep::Restart(RestartReason::Cancelled),
            Err(error) => LoginStep::Failed(auth_failed(&error)),
        }
    }

    /// Waits until the calls that are still running have come to their end. For a graceful stop, after
    /// the last request was taken.
    pub async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    async fn proceed(
        &self,
        token: &PendingToken,
        factor: Option<&FactorId>,
        call: Call,
        client: &ClientFacts,
        now: SystemTime,
    ) -> LoginStep {
        let login = match self.inner.auth.load_pending(token, now).await {
            Ok(Some(login)) => login,
            Ok(None) => return LoginStep::Restart(RestartReason::Ended),
            Err(error) => return LoginStep::Failed(auth_failed(&error)),
        };
        // A token that was parsed once parses again; tokens are not `Clone`, so that each copy shows.
        let Some(token) = PendingToken::parse(&token.expose_secret()) else {
            return LoginStep::Restart(RestartReason::Ended);
        };
        let (inner, client, factor) = (Arc::clone(&self.inner), client.clone(), factor.cloned());
        self.to_the_end(async move {
            Drive::new(&inner, &client, token, now).proceed(login, factor.as_ref(), call).await
        })
        .await
    }

    /// Runs `work` to its end even if nobody waits for it any more.
    async fn to_the_end(
        &self,
        work: impl Future<Output = LoginStep> + Send + 'static,
    ) -> LoginStep {
        match self.tasks.spawn(work.in_current_span()).await {
            Ok(step) => step,
            Err(error) => {
                tracing::error!(panicked = error.is_panic(), "a login call did not end");
                LoginStep::Failed(Failure::Internal)
            }
        }
    }
}

/// The authentication module did not answer: logged here, told nobody.
pub(crate) fn auth_failed(error: &AuthError) -> Failure {
    tracing::error!(error = error as &dyn std::error::Error, "the authentication module failed");
    if error.is_retryable() { Failure::Outage } else { Failure::Internal }
}
