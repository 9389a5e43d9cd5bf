//! The public interface of the state machine. The table of steps is in ARCHITECTURE.md.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_module::{
    AuthModule, Destination, KnownBrowserCookie, PasswordOutcome, PendingToken, Session, UserId,
};
use mfa_plugin_api::{ActionId, ClientFacts, FactorId, MfaPlugin, Randomness, Submission};
use secrecy::SecretString;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::{
    driver::{Call, LoginDriver},
    live::{LivePrompt, Watched},
    shared::{Shared, auth_failed},
    step::{Failure, LoginStep, RejectedReason, RestartReason},
};

/// Begins a factor again after it was unavailable or a denial has ended, not before its `retry_at`. This action is the controller's;
/// every other action belongs to the factor's plugin.
pub const RETRY: ActionId = ActionId::from_static("retry");

/// Drives logins from the password to the session.
///
/// Cheap to clone; clones share everything. The controller knows plugins by the names of their factors
/// only: a new factor is one more element of the list given to [`new`](Self::new).
///
/// # Concurrency
///
/// Any number of calls for one login may run at once, from several tabs and on several nodes. Two other
/// parts decide races in one atomic step: the plugin's store for attempts and codes, and the
/// authentication module for the end of a login. Of any number of right submissions, exactly one opens a
/// session. The others get [`RestartReason::Ended`].
///
/// # Cancel safety
///
/// If a future is dropped, for example because the browser disconnects, the call continues in the
/// background: a message that was sent is always recorded. [`drain`](Self::drain) waits for such calls.
#[derive(Debug, Clone)]
pub struct Controller {
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

/// Why a list of plugins is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPlugins {
    /// Two plugins for one factor.
    #[error("two plugins provide the factor {0}")]
    Duplicate(FactorId),
    /// Only the authentication module verifies passwords.
    #[error("a plugin provides the password")]
    Password,
}

/// A submitted login form.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the fields of the login form and what goes with it")]
pub struct LoginRequest<'a> {
    /// The name as typed.
    pub username: &'a str,
    /// The password as typed.
    pub password: &'a SecretString,
    /// The browser.
    pub client: &'a ClientFacts,
    /// The known-browser cookie, if the browser sent one: see
    /// [`AuthModule::remember_browser`]. A host without that cookie passes `None`.
    pub known_browser: Option<KnownBrowserCookie<'a>>,
    /// Where the user wants to go. The policy decides which factors are needed for it.
    pub destination: Destination,
}

impl Controller {
    /// How long a call of a plugin may take, unless [set](Self::with_plugin_deadline) otherwise.
    pub const DEFAULT_PLUGIN_DEADLINE: Duration = Duration::from_secs(20);

    /// Returns a controller with these plugins. A plugin is called when a policy names its factor.
    ///
    /// # Errors
    ///
    /// [`InvalidPlugins`] for two plugins of one factor, or one for the password.
    pub fn new(
        auth: Arc<AuthModule>,
        plugins: Vec<Arc<dyn MfaPlugin>>,
        randomness: Arc<dyn Randomness>,
    ) -> Result<Self, InvalidPlugins> {
        let plugin_deadline = Self::DEFAULT_PLUGIN_DEADLINE;
        let shared = Shared { auth, plugins: by_factor(plugins)?, randomness, plugin_deadline };
        Ok(Self { shared: Arc::new(shared), tasks: TaskTracker::new() })
    }

    /// Returns a controller with another module and other plugins, for calls from now on. Calls of this one go on
    /// with its own, and [`drain`](Self::drain) of either waits for the calls of both.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn reconfigured(
        &self,
        auth: Arc<AuthModule>,
        plugins: Vec<Arc<dyn MfaPlugin>>,
    ) -> Result<Self, InvalidPlugins> {
        let shared = Shared { auth, plugins: by_factor(plugins)?, ..(*self.shared).clone() };
        Ok(Self { shared: Arc::new(shared), tasks: self.tasks.clone() })
    }

    /// Sets the deadline of each plugin call. A call that exceeds it is dropped, and the login does not
    /// change.
    #[must_use]
    pub fn with_plugin_deadline(self, plugin_deadline: Duration) -> Self {
        let shared = Shared { plugin_deadline, ..(*self.shared).clone() };
        Self { shared: Arc::new(shared), ..self }
    }

    /// Returns the factors that the plugins provide.
    pub fn factors(&self) -> impl Iterator<Item = &FactorId> {
        self.shared.plugins.keys()
    }

    /// Verifies the password, opens a pending login, and begins the first missing factor (steps 1 to 6).
    ///
    /// A step with a [`Pending`](crate::Pending) holds the token for the pending cookie.
    pub async fn login(&self, request: LoginRequest<'_>, now: SystemTime) -> LoginStep {
        let LoginRequest { username, password, client, known_browser, destination } = request;
        let (auth, randomness) = (&self.shared.auth, &*self.shared.randomness);
        let outcome =
            auth.verify_password(username, password, client, known_browser, randomness, now).await;
        let verified = match outcome {
            Ok(PasswordOutcome::Verified(verified)) => verified,
            Ok(PasswordOutcome::MustChange) => {
                return LoginStep::Rejected(RejectedReason::MustChange);
            }
            Ok(PasswordOutcome::Rejected) => {
                return LoginStep::Rejected(RejectedReason::Credentials);
            }
            Ok(PasswordOutcome::Throttled { until }) => {
                return LoginStep::Rejected(RejectedReason::Throttled { until });
            }
            Ok(PasswordOutcome::Busy) => return LoginStep::Rejected(RejectedReason::Busy),
            Err(error) => return LoginStep::Failed(auth_failed(&error)),
        };
        let (shared, client) = (Arc::clone(&self.shared), client.clone());
        self.run_detached(async move {
            let opened = shared
                .auth
                .open_pending(verified, destination, &client, &*shared.randomness, now)
                .await;
            match opened {
                Ok((token, login)) => {
                    LoginDriver::new(&shared, &client, now).start(token, login).await
                }
                Err(error) => LoginStep::Failed(auth_failed(&error)),
            }
        })
        .await
        .unwrap_or_else(LoginStep::Failed)
    }

    /// Starts a login that replaces `session`, because the policy needs more factors or fresher evidence for
    /// `destination`. The session stays open until the login completes.
    pub async fn step_up(
        &self,
        session: &Session,
        client: &ClientFacts,
        destination: Destination,
        now: SystemTime,
    ) -> LoginStep {
        let (shared, client, session) = (Arc::clone(&self.shared), client.clone(), session.clone());
        self.run_detached(async move {
            let opened = shared
                .auth
                .open_step_up(&session, destination, &client, &*shared.randomness, now)
                .await;
            match opened {
                Ok(Some((token, login))) => {
                    LoginDriver::new(&shared, &client, now).start(token, login).await
                }
                Ok(None) => LoginStep::Restart(RestartReason::Ended),
                Err(error) => LoginStep::Failed(auth_failed(&error)),
            }
        })
        .await
        .unwrap_or_else(LoginStep::Failed)
    }

    /// Returns the current step of the login: for a GET after a redirect, a reload, the back button or
    /// another tab. Sends no message and counts no attempt. Completes the factor if the user has satisfied it
    /// elsewhere, as with an approval on a phone: then the step is that of the next factor, or
    /// [`LoginStep::Finished`].
    ///
    /// The prompt contains the notice and the rejection that the last submission or action produced, until
    /// the next one. A notice or rejection of the plugin's current prompt replaces an older one, and a
    /// rejection ends at its `retry_at`.
    pub async fn view(
        &self,
        token: &PendingToken,
        client: &ClientFacts,
        now: SystemTime,
    ) -> LoginStep {
        self.proceed(token, None, Call::View, client, now).await
    }

    /// Returns what [`view`](Self::view) would show, for an event stream, with what the stream waits by.
    ///
    /// Records that the user has satisfied or declined the factor elsewhere. Never begins a factor or opens a
    /// session, because a stream cannot set a cookie: after [`Watched::Moved`] the page loads itself again,
    /// and [`view`](Self::view) does both.
    pub async fn watch(
        &self,
        token: &PendingToken,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Watched {
        let login = match self.shared.auth.load_pending(token, now).await {
            Ok(Some(login)) => login,
            Ok(None) => return Watched::Moved,
            Err(error) => {
                auth_failed(&error);
                return Watched::Ended;
            }
        };
        let (shared, client) = (Arc::clone(&self.shared), client.clone());
        let watched = self.run_detached(async move {
            let mut driver = LoginDriver::new(&shared, &client, now);
            let watched = LivePrompt::load(&shared, &mut driver, &login, &client, now).await;
            if driver.has_changed_login() {
                notify_pages(&shared, &login.user().id).await;
            }
            watched
        });
        // A failure of the plugin is in the log already.
        watched.await.flatten().unwrap_or(Watched::Ended)
    }

    /// Passes what the user typed to the factor's plugin (steps 7 to 10).
    ///
    /// `factor` is the factor of the submitted form. If another tab has completed that factor, the current
    /// factor is shown and gets no submission. `None` submits to the current factor.
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

    /// Runs one of the prompt's actions, or [`RETRY`]. `factor` is as for [`submit`](Self::submit).
    ///
    /// A [`RETRY`] before the `retry_at` of an unavailable factor begins nothing, and returns the same step.
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

    /// Ends the login without success. Wakes its open pages in other tabs.
    pub async fn cancel(&self, token: &PendingToken, now: SystemTime) -> LoginStep {
        let ended = async {
            let login = self.shared.auth.load_pending(token, now).await?;
            self.shared.auth.end_pending(token).await?;
            Ok(login)
        };
        match ended.await {
            Ok(login) => {
                if let Some(login) = login {
                    notify_pages(&self.shared, &login.user().id).await;
                }
                LoginStep::Restart(RestartReason::Cancelled)
            }
            Err(error) => LoginStep::Failed(auth_failed(&error)),
        }
    }

    /// Waits until all running calls have ended. For a graceful stop, after the last request was
    /// accepted.
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
        let login = match self.shared.auth.load_pending(token, now).await {
            Ok(Some(login)) => login,
            Ok(None) => return LoginStep::Restart(RestartReason::Ended),
            Err(error) => return LoginStep::Failed(auth_failed(&error)),
        };
        let (shared, client, factor) = (Arc::clone(&self.shared), client.clone(), factor.cloned());
        self.run_detached(async move {
            let user = login.user().id.clone();
            let is_view = matches!(call, Call::View);
            let mut driver = LoginDriver::new(&shared, &client, now);
            let step = driver.proceed(login, factor.as_ref(), call).await;
            // After everything is saved: the pages of other tabs wake and read it. A submission or an action
            // may have changed what the plugin keeps in its store.
            if !is_view || driver.has_changed_login() {
                notify_pages(&shared, &user).await;
            }
            step
        })
        .await
        .unwrap_or_else(LoginStep::Failed)
    }

    /// Runs `work` in a task of its own, so that it continues if the caller is dropped.
    async fn run_detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.tasks.spawn(work.in_current_span()).await.map_err(|error| {
            tracing::error!(panicked = error.is_panic(), "a login call panicked or was cancelled");
            Failure::Internal
        })
    }
}

fn by_factor(
    plugins: Vec<Arc<dyn MfaPlugin>>,
) -> Result<BTreeMap<FactorId, Arc<dyn MfaPlugin>>, InvalidPlugins> {
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
    Ok(by_factor)
}

/// Wakes the open pages of a user. If that fails, they show the news after a reload.
async fn notify_pages(shared: &Shared, user: &UserId) {
    if let Err(error) = shared.auth.notify_pages(user).await {
        auth_failed(&error);
    }
}
