//! One call's way through a login.
//!
//! ```text
//!             ┌────────── what is missing? ◀───────────────────────┐
//!             │                  │                                 │
//!          nothing            a factor                             │ evidence recorded
//!             ▼                  ▼                                 │
//!         complete      not begun │ begun                          │
//!             │              ▼    ▼                                │
//!             ▼           begin  submit, action, status ──▶ Step ──┴─ Done
//!         Finished                                            │
//!                                         Prompt, Unavailable, Denied: kept and shown
//! ```

use std::time::SystemTime;

use auth_module::{Completed, PendingLogin, PendingToken, Recorded, Saved};
use mfa_plugin_api::{
    ActionId, ClientFacts, Evidence, FactorId, FlowContext, MfaPlugin, PluginError, PluginState,
    Prompt, Reply, Step, Submission,
};
use tracing::Instrument as _;

use crate::{
    controller::{Inner, auth_failed},
    standing::{Kept, Standing},
    step::{
        DeniedStep, Failure, Finished, LoginStep, Pending, PromptStep, RestartReason,
        UnavailableStep,
    },
};

/// How often a state is saved over changes that other requests made to other parts of the login.
const SAVE_TRIES: usize = 8;

/// What the browser wants.
#[derive(Debug)]
pub(crate) enum Call {
    /// One of the plugin's actions.
    Action(ActionId),
    /// Another try after the factor was unavailable or the user denied.
    Retry,
    /// An answer.
    Submit(Submission),
    /// The page as it stands.
    View,
    /// What the page would show, and nothing that a cookie has to follow.
    Watch,
}

/// One call with all it needs but the login.
pub(crate) struct Drive<'a> {
    inner: &'a Inner,
    client: &'a ClientFacts,
    now: SystemTime,
    token: PendingToken,
    is_new: bool,
}

impl<'a> Drive<'a> {
    pub(crate) fn new(
        inner: &'a Inner,
        client: &'a ClientFacts,
        token: PendingToken,
        now: SystemTime,
    ) -> Self {
        Self { inner, client, now, token, is_new: false }
    }

    /// The first step of a login just opened.
    pub(crate) async fn start(mut self, login: PendingLogin) -> LoginStep {
        self.is_new = true;
        self.advance(login).await
    }

    /// The next step of a login that is on its way.
    ///
    /// [`Call::Watch`] opens nothing and begins nothing: its caller could not hand a session on.
    pub(crate) async fn proceed(
        self,
        login: PendingLogin,
        asked: Option<&FactorId>,
        call: Call,
    ) -> LoginStep {
        let only_watches = matches!(call, Call::Watch);
        let Some(factor) = self.missing(&login).into_iter().next() else {
            if only_watches {
                return LoginStep::Restart(RestartReason::Ended);
            }
            return self.complete(login).await;
        };
        let kept = login.plugin_state(&factor).as_ref().and_then(Kept::from_state);
        let Some(kept) = kept else {
            if only_watches {
                return LoginStep::Restart(RestartReason::Ended);
            }
            // Opened, but cut off before the factor had begun.
            return self.advance(login).await;
        };
        let call = if asked.is_none_or(|asked| *asked == factor) { call } else { Call::View };
        self.step(login, factor, kept, call).await.unwrap_or_else(LoginStep::Failed)
    }

    async fn step(
        self,
        login: PendingLogin,
        factor: FactorId,
        kept: Kept,
        call: Call,
    ) -> Result<LoginStep, Failure> {
        let plugin = self.plugin(&factor)?;
        let state = kept.state.as_ref();
        let only_watches = matches!(call, Call::Watch);
        let reply = match (call, kept.standing) {
            (Call::Submit(submission), _) => {
                let call =
                    async |context: &FlowContext<'_>| plugin.submit(context, &submission).await;
                self.ask(&login, &factor, state, call).await?
            }
            (Call::Action(action), Standing::Prompted) => {
                let call = async |context: &FlowContext<'_>| plugin.action(context, &action).await;
                self.ask(&login, &factor, state, call).await?
            }
            (Call::Retry, Standing::Unavailable(_)) => {
                return Ok(self.begin(login, factor, state.cloned()).await);
            }
            (Call::Retry, Standing::Denied(denied))
                if denied.until.is_some_and(|until| until <= self.now) =>
            {
                return Ok(self.begin(login, factor, state.cloned()).await);
            }
            (Call::View | Call::Watch | Call::Retry, Standing::Prompted) => {
                let call = async |context: &FlowContext<'_>| plugin.status(context).await;
                return match self.ask(&login, &factor, state, call).await? {
                    Some(prompt) => Ok(self.prompted(&login, factor, prompt)),
                    None if only_watches => Ok(LoginStep::Restart(RestartReason::Ended)),
                    None => Ok(self.begin(login, factor, state.cloned()).await),
                };
            }
            (_, Standing::Unavailable(unavailable)) => {
                return Ok(self.show(&login, factor, Step::Unavailable(unavailable)));
            }
            (_, Standing::Denied(denied)) => {
                return Ok(self.show(&login, factor, Step::Denied(denied)));
            }
        };
        Ok(match reply {
            Reply { step: Step::Done(evidence), .. } => self.done(login, factor, evidence).await,
            reply => self.keep_and_show(login, factor, reply).await,
        })
    }

    /// Goes on to the next missing factor, or to the end.
    async fn advance(self, login: PendingLogin) -> LoginStep {
        match self.missing(&login).into_iter().next() {
            None => self.complete(login).await,
            Some(factor) if factor == FactorId::PASSWORD => {
                // The login page opens another one; if this fails, it ends by itself.
                if let Err(error) = self.inner.auth.end_pending(&self.token).await {
                    auth_failed(&error);
                }
                LoginStep::Restart(RestartReason::PasswordNeeded)
            }
            Some(factor) => {
                let kept = login.plugin_state(&factor).as_ref().and_then(Kept::from_state);
                self.begin(login, factor, kept.and_then(|kept| kept.state)).await
            }
        }
    }

    async fn begin(
        self,
        login: PendingLogin,
        factor: FactorId,
        state: Option<PluginState>,
    ) -> LoginStep {
        let begun = async {
            let plugin = self.plugin(&factor)?;
            let call = async |context: &FlowContext<'_>| plugin.begin(context).await;
            self.ask(&login, &factor, state.as_ref(), call).await
        };
        match begun.await {
            Ok(Reply { step: Step::Done(_), .. }) => {
                tracing::error!(%factor, "a plugin satisfied its factor without asking the user");
                LoginStep::Failed(Failure::Internal)
            }
            Ok(reply) => self.keep_and_show(login, factor, reply).await,
            Err(failure) => LoginStep::Failed(failure),
        }
    }

    async fn done(self, login: PendingLogin, factor: FactorId, evidence: Evidence) -> LoginStep {
        let recorded = self.inner.auth.record_evidence(&login, &factor, evidence, self.now).await;
        match recorded {
            // Boxed, because the next factor's way leads through here again.
            Ok(Recorded::Done { login, .. }) => Box::pin(self.advance(login)).await,
            Ok(Recorded::Gone) => LoginStep::Restart(RestartReason::Ended),
            Err(error) => LoginStep::Failed(auth_failed(&error)),
        }
    }

    async fn complete(self, login: PendingLogin) -> LoginStep {
        let (auth, randomness) = (&self.inner.auth, &*self.inner.randomness);
        match auth.complete(&login, self.client, randomness, self.now).await {
            Ok(Completed::Opened { token, session, return_to }) => {
                LoginStep::Finished(Finished { session_token: token, session, return_to })
            }
            Ok(Completed::Gone) => LoginStep::Restart(RestartReason::Ended),
            // Evidence grew too old between two calls; the next request asks for it again.
            Ok(Completed::Missing(_)) => LoginStep::Failed(Failure::Outage),
            Err(error) => LoginStep::Failed(auth_failed(&error)),
        }
    }

    async fn keep_and_show(self, login: PendingLogin, factor: FactorId, reply: Reply) -> LoginStep {
        let Some(kept) = Kept::of(&reply) else {
            tracing::error!(%factor, "a plugin answered with a step that this version does not know");
            return LoginStep::Failed(Failure::Internal);
        };
        match self.keep(&login, &factor, &kept.to_state()).await {
            Ok(true) => self.show(&login, factor, reply.step),
            Ok(false) => LoginStep::Restart(RestartReason::Ended),
            Err(failure) => LoginStep::Failed(failure),
        }
    }

    /// Keeps the state of `factor`. What other requests changed meanwhile stays; if one of them changed
    /// this very state, it was first and its state stands. `false` if the login is over.
    async fn keep(
        &self,
        login: &PendingLogin,
        factor: &FactorId,
        state: &PluginState,
    ) -> Result<bool, Failure> {
        let read = login.plugin_state(factor);
        let mut latest = None;
        for _ in 0..SAVE_TRIES {
            let login = latest.as_ref().unwrap_or(login);
            let saved = self.inner.auth.save_plugin_state(login, factor, Some(state)).await;
            match saved.map_err(|error| auth_failed(&error))? {
                Saved::Done(_) => return Ok(true),
                Saved::Gone => return Ok(false),
                Saved::Conflict => {}
            }
            let found = self.inner.auth.load_pending(&self.token, self.now).await;
            let Some(found) = found.map_err(|error| auth_failed(&error))? else {
                return Ok(false);
            };
            if found.plugin_state(factor) != read {
                return Ok(true);
            }
            latest = Some(found);
        }
        Ok(true)
    }

    fn show(self, login: &PendingLogin, factor: FactorId, step: Step) -> LoginStep {
        match step {
            Step::Prompt(prompt) => self.prompted(login, factor, prompt),
            Step::Unavailable(unavailable) => LoginStep::Unavailable(UnavailableStep {
                pending: self.pending(login, factor),
                message: unavailable.message,
                retry_at: unavailable.retry_at,
            }),
            Step::Denied(denied) => LoginStep::Denied(DeniedStep {
                pending: self.pending(login, factor),
                message: denied.message,
                until: denied.until,
            }),
            _ => LoginStep::Failed(Failure::Internal),
        }
    }

    fn prompted(self, login: &PendingLogin, factor: FactorId, prompt: Prompt) -> LoginStep {
        let has_live_status = self
            .inner
            .plugins
            .get(&factor)
            .is_some_and(|plugin| plugin.descriptor().has_live_status);
        let pending = self.pending(login, factor);
        LoginStep::Prompt(PromptStep { pending, prompt, has_live_status })
    }

    fn pending(self, login: &PendingLogin, factor: FactorId) -> Pending {
        let new_token = self.is_new.then_some(self.token);
        Pending { new_token, expires_at: login.expires_at(), factor }
    }

    fn missing(&self, login: &PendingLogin) -> Vec<FactorId> {
        self.inner.auth.missing_factors(login, self.now)
    }

    fn plugin(&self, factor: &FactorId) -> Result<&'a dyn MfaPlugin, Failure> {
        self.inner.plugins.get(factor).map(AsRef::as_ref).ok_or_else(|| {
            tracing::error!(%factor, "a policy asks for a factor that no plugin provides");
            Failure::Internal
        })
    }

    /// Calls a plugin, within its deadline.
    async fn ask<T>(
        &self,
        login: &PendingLogin,
        factor: &FactorId,
        state: Option<&PluginState>,
        call: impl AsyncFnOnce(&FlowContext<'_>) -> Result<T, PluginError>,
    ) -> Result<T, Failure> {
        let auth = &self.inner.auth;
        let (flow, subject) = (login.flow(), auth.subject(login.user()));
        let audit = auth.flow_audit(login, self.client, self.now);
        let randomness = &*self.inner.randomness;
        let context = FlowContext::new(
            factor,
            &flow,
            &subject,
            self.client,
            self.now,
            randomness,
            auth.services(),
            &audit,
        )
        .with_state(state);
        let span = tracing::info_span!("plugin", %factor);
        let called = tokio::time::timeout(self.inner.plugin_deadline, call(&context));
        match called.instrument(span).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::error!(
                    %factor,
                    flow = flow.as_str(),
                    error = &error as &dyn std::error::Error,
                    "a plugin failed"
                );
                let is_outage = matches!(error, PluginError::Outage { .. });
                Err(if is_outage { Failure::Outage } else { Failure::Internal })
            }
            Err(_) => {
                tracing::error!(%factor, flow = flow.as_str(), "a plugin did not answer in time");
                Err(Failure::Outage)
            }
        }
    }
}
