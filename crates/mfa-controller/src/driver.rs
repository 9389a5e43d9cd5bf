//! The steps of one call.
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
//!                                         Prompt, Unavailable, Denied: saved and shown
//! ```
//!
//! `status` may return any step, because a user may approve or decline elsewhere. Only its prompt is not
//! saved.
//!
//! Where a factor has alternatives, the first one that a plugin provides begins. When a plugin says that
//! its factor is unavailable, the next alternative begins. The login stays with it: an unavailable factor
//! is tried again only when all alternatives are unavailable and the user asks for it.

use std::time::{Duration, SystemTime};

use auth_module::{
    Completed, FactorChoice, FactorSnapshot, FactorStatus, PendingLogin, PendingToken, Recorded,
    Saved,
};
use mfa_plugin_api::{
    ActionId, ClientFacts, Evidence, FactorId, FlowContext, FlowParts, Notice, PluginError,
    PluginState, Prompt, Rejection, Reply, Step, Submission,
};
use tracing::Instrument as _;

use crate::{
    shared::{Shared, auth_failed},
    step::{
        DeniedStep, Failure, Finished, LoginStep, Pending, PromptStep, RestartReason,
        UnavailableStep,
    },
};

/// How often a snapshot is saved again after other requests changed other parts of the login.
const MAX_SAVE_ATTEMPTS: usize = 8;

/// What the browser asks for.
#[derive(Debug)]
pub(crate) enum Call {
    /// One of the plugin's actions.
    Action(ActionId),
    /// Another attempt after the factor was unavailable or a denial has ended.
    Retry,
    /// What the user typed.
    Submit(Submission),
    /// The current page.
    View,
}

/// Drives one call through a login.
pub(crate) struct LoginDriver<'a> {
    shared: &'a Shared,
    client: &'a ClientFacts,
    now: SystemTime,
    /// The token of a login that this call opened: the browser does not have it yet.
    new_token: Option<PendingToken>,
    /// Whether this call has saved or ended the login, so that its other pages have to load it again.
    has_changed_login: bool,
}

impl<'a> LoginDriver<'a> {
    pub(crate) fn new(shared: &'a Shared, client: &'a ClientFacts, now: SystemTime) -> Self {
        Self { shared, client, now, new_token: None, has_changed_login: false }
    }

    /// Whether this call has saved or ended the login.
    pub(crate) fn has_changed_login(&self) -> bool {
        self.has_changed_login
    }

    /// Takes the first step of a login that was just opened.
    pub(crate) async fn start(&mut self, token: PendingToken, login: PendingLogin) -> LoginStep {
        self.new_token = Some(token);
        self.advance(login).await
    }

    /// Takes the next step of a pending login. `asked` is the factor that `call` is for, if known.
    pub(crate) async fn proceed(
        &mut self,
        login: PendingLogin,
        asked: Option<&FactorId>,
        call: Call,
    ) -> LoginStep {
        let Some(choice) = self.missing(&login).into_iter().next() else {
            return self.complete(login).await;
        };
        let factor = self.current(&login, &choice);
        let Some(snapshot) = login.factor(&factor).cloned() else {
            // An earlier call was cut off before the factor had begun, or its snapshot was unreadable.
            return self.advance(login).await;
        };
        // Another tab has completed the asked factor: show the current one instead of submitting to it.
        let call = if asked.is_none_or(|asked| *asked == factor) { call } else { Call::View };
        self.step(login, choice, factor, snapshot, call).await.unwrap_or_else(LoginStep::Failed)
    }

    async fn step(
        &mut self,
        login: PendingLogin,
        choice: FactorChoice,
        factor: FactorId,
        snapshot: FactorSnapshot,
        call: Call,
    ) -> Result<LoginStep, Failure> {
        let plugin = self.shared.plugin(&factor)?;
        let state = snapshot.state.as_ref();
        let reply = match (call, snapshot.status) {
            // In any status: only the plugin knows whether a submission is still valid.
            (Call::Submit(submission), _) => {
                let call =
                    async |context: &FlowContext<'_>| plugin.submit(context, &submission).await;
                self.call_plugin(&login, &factor, state, call).await?
            }
            (Call::Action(action), FactorStatus::Prompted { .. }) => {
                let call = async |context: &FlowContext<'_>| plugin.action(context, &action).await;
                self.call_plugin(&login, &factor, state, call).await?
            }
            (Call::Retry, FactorStatus::Unavailable(unavailable)) => {
                // All alternatives are unavailable. Each whose wait is over gets another chance, the preferred
                // one first.
                let next = self.provided(&choice).find(|next| !self.has_to_wait(&login, next));
                return Ok(match next.cloned() {
                    Some(next) => self.begin(login, choice, next).await,
                    None => self.show(&login, factor, Step::Unavailable(unavailable)),
                });
            }
            (Call::Retry, FactorStatus::Denied(denied))
                if denied.until.is_some_and(|until| until <= self.now) =>
            {
                return Ok(self.begin(login, choice, factor).await);
            }
            (Call::View | Call::Retry, FactorStatus::Prompted { notice, rejection }) => {
                let call = async |context: &FlowContext<'_>| plugin.status(context).await;
                match self.call_plugin(&login, &factor, state, call).await? {
                    None => return Ok(self.begin(login, choice, factor).await),
                    Some(Step::Prompt(prompt)) => {
                        let prompt = with_last_outcome(prompt, notice, rejection, self.now);
                        return Ok(self.prompted(&login, factor, prompt));
                    }
                    Some(step) => status_reply(step, state),
                }
            }
            (_, FactorStatus::Unavailable(unavailable)) => {
                return Ok(self.show(&login, factor, Step::Unavailable(unavailable)));
            }
            (_, FactorStatus::Denied(denied)) => {
                return Ok(self.show(&login, factor, Step::Denied(denied)));
            }
        };
        Ok(match reply {
            Reply { step: Step::Done(evidence), .. } => self.done(login, factor, evidence).await,
            reply => self.save_and_show(login, choice, factor, reply).await,
        })
    }

    /// Begins the next missing factor, or completes the login.
    async fn advance(&mut self, login: PendingLogin) -> LoginStep {
        match self.missing(&login).into_iter().next() {
            None => self.complete(login).await,
            Some(choice) if *choice.first() == FactorId::PASSWORD => {
                // The login page opens another login. If this one cannot be ended, it expires.
                if let Err(error) = self.shared.auth.end_loaded_pending(&login).await {
                    auth_failed(&error);
                }
                LoginStep::Restart(RestartReason::PasswordNeeded)
            }
            Some(choice) => {
                let factor = self.current(&login, &choice);
                self.begin(login, choice, factor).await
            }
        }
    }

    /// Begins `factor`, one of the alternatives of `choice`.
    async fn begin(
        &mut self,
        login: PendingLogin,
        choice: FactorChoice,
        factor: FactorId,
    ) -> LoginStep {
        let state = login.factor(&factor).and_then(|snapshot| snapshot.state.clone());
        let begun = async {
            let plugin = self.shared.plugin(&factor)?;
            let call = async |context: &FlowContext<'_>| plugin.begin(context).await;
            self.call_plugin(&login, &factor, state.as_ref(), call).await
        };
        match begun.await {
            Ok(Reply { step: Step::Done(_), .. }) => {
                tracing::error!(%factor, "a plugin satisfied its factor without asking the user");
                LoginStep::Failed(Failure::Internal)
            }
            Ok(reply) => self.save_and_show(login, choice, factor, reply).await,
            Err(failure) => LoginStep::Failed(failure),
        }
    }

    async fn done(
        &mut self,
        login: PendingLogin,
        factor: FactorId,
        evidence: Evidence,
    ) -> LoginStep {
        match self.record(&login, &factor, evidence).await {
            // Boxed, because the future would contain itself: the next factor leads here again.
            Ok(Some(login)) => Box::pin(self.advance(login)).await,
            Ok(None) => LoginStep::Restart(RestartReason::Ended),
            Err(failure) => LoginStep::Failed(failure),
        }
    }

    /// Records that `factor` is satisfied. Returns the login as it is then; `None` if it has ended.
    async fn record(
        &mut self,
        login: &PendingLogin,
        factor: &FactorId,
        evidence: Evidence,
    ) -> Result<Option<PendingLogin>, Failure> {
        let recorded = self.shared.auth.record_evidence(login, factor, evidence, self.now).await;
        match recorded.map_err(|error| auth_failed(&error))? {
            Recorded::Done { login, .. } => {
                self.has_changed_login = true;
                Ok(Some(login))
            }
            Recorded::Gone => Ok(None),
        }
    }

    /// Saves what `status` returned other than a prompt, for a page that cannot show it: an event stream
    /// cannot set the cookie of a session.
    pub(crate) async fn save_status(
        &mut self,
        login: &PendingLogin,
        factor: &FactorId,
        step: Step,
        state: Option<&PluginState>,
    ) -> Result<(), Failure> {
        match status_reply(step, state) {
            Reply { step: Step::Done(evidence), .. } => {
                self.record(login, factor, evidence).await?;
            }
            reply => {
                let snapshot = snapshot_of(factor, &reply)?;
                self.save(login, factor, &snapshot).await?;
            }
        }
        Ok(())
    }

    async fn complete(&mut self, login: PendingLogin) -> LoginStep {
        let (auth, randomness) = (&self.shared.auth, &*self.shared.randomness);
        match auth.complete(&login, self.client, randomness, self.now).await {
            Ok(Completed::Opened { token, session, destination }) => {
                self.has_changed_login = true;
                LoginStep::Finished(Finished { session_token: token, session, destination })
            }
            Ok(Completed::Gone) => LoginStep::Restart(RestartReason::Ended),
            // Evidence expired between two calls. The next request asks for it again.
            Ok(Completed::Missing(_)) => LoginStep::Failed(Failure::Outage),
            Err(error) => LoginStep::Failed(auth_failed(&error)),
        }
    }

    async fn save_and_show(
        &mut self,
        login: PendingLogin,
        choice: FactorChoice,
        factor: FactorId,
        reply: Reply,
    ) -> LoginStep {
        let snapshot = match snapshot_of(&factor, &reply) {
            Ok(snapshot) => snapshot,
            Err(failure) => return LoginStep::Failed(failure),
        };
        match self.save(&login, &factor, &snapshot).await {
            Ok(Some(login)) => {
                // Not if another request's prompt stays: the user can go on with that one.
                if matches!(reply.step, Step::Unavailable(_))
                    && is_unavailable(&login, &factor)
                    && let Some(next) = self.next_alternative(&login, &choice, &factor)
                {
                    // Boxed, because `begin` leads here again. Each round takes a later alternative, so
                    // there is an end.
                    return Box::pin(self.begin(login, choice, next)).await;
                }
                self.show(&login, factor, reply.step)
            }
            Ok(None) => LoginStep::Restart(RestartReason::Ended),
            Err(failure) => LoginStep::Failed(failure),
        }
    }

    /// Saves the snapshot of `factor`, unless [`outranks`] lets another request's snapshot stay. What
    /// other requests changed elsewhere in the login stays. Returns the login as it is then; `None` if it
    /// has ended.
    async fn save(
        &mut self,
        login: &PendingLogin,
        factor: &FactorId,
        snapshot: &FactorSnapshot,
    ) -> Result<Option<PendingLogin>, Failure> {
        let auth = &self.shared.auth;
        let read = login.factor(factor);
        let mut latest = None;
        for _ in 0..MAX_SAVE_ATTEMPTS {
            let login = latest.as_ref().unwrap_or(login);
            let saved = auth.save_factor(login, factor, snapshot).await;
            match saved.map_err(|error| auth_failed(&error))? {
                Saved::Done(login) => {
                    self.has_changed_login = true;
                    return Ok(Some(login));
                }
                Saved::Gone => return Ok(None),
                Saved::Conflict => {}
            }
            let found = auth.reload_pending(login, self.now).await;
            let Some(found) = found.map_err(|error| auth_failed(&error))? else {
                return Ok(None);
            };
            if found.factor(factor).is_some_and(|found| outranks(found, read)) {
                return Ok(Some(found));
            }
            latest = Some(found);
        }
        tracing::error!(%factor, "a login changed too often to save it");
        Err(Failure::Outage)
    }

    fn show(&mut self, login: &PendingLogin, factor: FactorId, step: Step) -> LoginStep {
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

    fn prompted(&mut self, login: &PendingLogin, factor: FactorId, prompt: Prompt) -> LoginStep {
        let plugin = self.shared.plugins.get(&factor);
        let has_live_status = plugin.is_some_and(|plugin| plugin.live_status().is_some());
        let pending = self.pending(login, factor);
        LoginStep::Prompt(PromptStep { pending, prompt, has_live_status })
    }

    fn pending(&mut self, login: &PendingLogin, factor: FactorId) -> Pending {
        Pending { new_token: self.new_token.take(), expires_at: login.expires_at(), factor }
    }

    fn missing(&self, login: &PendingLogin) -> Vec<FactorChoice> {
        self.shared.auth.missing_factors(login, self.now)
    }

    /// Returns the factor that the login is at; `None` if none is missing.
    pub(crate) fn current_factor(&self, login: &PendingLogin) -> Option<FactorId> {
        let choice = self.missing(login).into_iter().next()?;
        Some(self.current(login, &choice))
    }

    /// Returns the alternatives that a plugin provides.
    fn provided<'c>(
        &self,
        choice: &'c FactorChoice,
    ) -> impl DoubleEndedIterator<Item = &'c FactorId> + use<'a, 'c> {
        let plugins = &self.shared.plugins;
        choice.factors().filter(|factor| plugins.contains_key(*factor))
    }

    /// Returns the alternative that the login is at: the first provided one that has not turned out to
    /// be unavailable, or else the last one. Without any plugin it returns the first one, which then fails
    /// to begin.
    fn current(&self, login: &PendingLogin, choice: &FactorChoice) -> FactorId {
        let usable = self.provided(choice).find(|factor| !is_unavailable(login, factor));
        let current = usable.or_else(|| self.provided(choice).next_back());
        current.unwrap_or_else(|| choice.first()).clone()
    }

    fn next_alternative(
        &self,
        login: &PendingLogin,
        choice: &FactorChoice,
        factor: &FactorId,
    ) -> Option<FactorId> {
        let mut later = self.provided(choice).skip_while(|provided| *provided != factor).skip(1);
        later.find(|next| !self.has_to_wait(login, next)).cloned()
    }

    /// Whether the factor's plugin has said that it is unavailable until an instant that has not come. Then it is
    /// not begun: a plugin may pay for each begin.
    fn has_to_wait(&self, login: &PendingLogin, factor: &FactorId) -> bool {
        let retry_at = login.factor(factor).and_then(|snapshot| match &snapshot.status {
            FactorStatus::Unavailable(unavailable) => unavailable.retry_at,
            _ => None,
        });
        retry_at.is_some_and(|retry_at| self.now < retry_at)
    }

    /// Calls a plugin, within its deadline.
    pub(crate) async fn call_plugin<T>(
        &self,
        login: &PendingLogin,
        factor: &FactorId,
        state: Option<&PluginState>,
        call: impl AsyncFnOnce(&FlowContext<'_>) -> Result<T, PluginError>,
    ) -> Result<T, Failure> {
        let deadline = self.shared.plugin_deadline;
        self.call_plugin_within(deadline, login, factor, state, call).await
    }

    /// Calls a plugin, within this deadline.
    pub(crate) async fn call_plugin_within<T>(
        &self,
        deadline: Duration,
        login: &PendingLogin,
        factor: &FactorId,
        state: Option<&PluginState>,
        call: impl AsyncFnOnce(&FlowContext<'_>) -> Result<T, PluginError>,
    ) -> Result<T, Failure> {
        let auth = &self.shared.auth;
        let (flow, subject) = (login.flow(), login.user().subject(auth.tenant()));
        let audit = auth.flow_audit(login, self.client, self.now);
        let randomness = &*self.shared.randomness;
        let context = FlowContext::new(FlowParts {
            factor,
            flow: &flow,
            subject: &subject,
            client: self.client,
            now: self.now,
            randomness,
            services: auth.services(),
            audit: &audit,
        })
        .with_state(state);
        let span = tracing::info_span!("plugin", %factor);
        let called = tokio::time::timeout(deadline, call(&context));
        match called.instrument(span).await {
            Ok(Ok(returned)) => Ok(returned),
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
                tracing::error!(%factor, flow = flow.as_str(), "a plugin exceeded its deadline");
                Err(Failure::Outage)
            }
        }
    }
}

/// Whether the factor's plugin last said that it is unavailable.
fn is_unavailable(login: &PendingLogin, factor: &FactorId) -> bool {
    let snapshot = login.factor(factor);
    snapshot.is_some_and(|snapshot| matches!(snapshot.status, FactorStatus::Unavailable(_)))
}

/// Returns the reply for what `status` returned. `status` does not change the plugin's state.
fn status_reply(step: Step, state: Option<&PluginState>) -> Reply {
    let mut reply = Reply::new(step);
    reply.state = state.cloned();
    reply
}

/// Returns what to save of a reply that is not *done*.
fn snapshot_of(factor: &FactorId, reply: &Reply) -> Result<FactorSnapshot, Failure> {
    FactorSnapshot::of(reply).ok_or_else(|| {
        tracing::error!(%factor, "a plugin returned a step that this version does not know");
        Failure::Internal
    })
}

/// Adds to the current prompt what the last submission or action produced. `MfaPlugin::status` cannot
/// know it, and a host that redirects after a POST shows it with the next GET.
pub(crate) fn with_last_outcome(
    mut prompt: Prompt,
    notice: Option<Notice>,
    rejection: Option<Rejection>,
    now: SystemTime,
) -> Prompt {
    // The plugin's own rejection is newer: after "wrong code" the code may have expired.
    if prompt.rejection.is_some() {
        return prompt;
    }
    // "Not before …" is out of date once that instant has come.
    prompt.rejection =
        rejection.filter(|rejection| rejection.retry_at.is_none_or(|retry_at| now < retry_at));
    // The plugin's own notice is newer: after "sent again" the message may have been delivered.
    prompt.notice = prompt.notice.or(notice);
    prompt
}

/// Whether `found`, which another request saved after `read` was loaded, has to stay.
///
/// A plugin's new state stays, because this request's plugin call has not seen it. A denial and an outage
/// stay as well: a slower request must not cover them with an older prompt.
fn outranks(found: &FactorSnapshot, read: Option<&FactorSnapshot>) -> bool {
    let state_read = read.and_then(|read| read.state.as_ref());
    let is_prompt = matches!(found.status, FactorStatus::Prompted { .. });
    found.state.as_ref() != state_read || (Some(found) != read && !is_prompt)
}

#[cfg(test)]
mod tests {
    use mfa_plugin_api::{Denied, Message, RejectionKind, Unavailable};

    use super::*;

    fn snapshot(step: Step, state: Option<&'static str>) -> FactorSnapshot {
        let mut reply = Reply::new(step);
        reply.state = state.map(PluginState::from_bytes);
        FactorSnapshot::of(&reply).expect("not satisfied")
    }

    fn prompt(wrong: Option<&'static str>) -> Step {
        let mut prompt = Prompt::new(Message::new("title"));
        prompt.rejection = wrong.map(|key| Rejection::new(RejectionKind::Wrong, Message::new(key)));
        Step::Prompt(prompt)
    }

    #[test]
    fn a_snapshot_outranks_by_a_new_state_or_as_a_new_denial_or_outage() {
        let denied = || Step::Denied(Denied::new(Message::new("denied")));
        let missing = || Step::Unavailable(Unavailable::new(Message::new("missing")));
        let read = snapshot(prompt(None), Some("1"));
        for (found, read, expected) in [
            (snapshot(prompt(None), Some("1")), Some(&read), false),
            (snapshot(prompt(Some("3 left")), Some("1")), Some(&read), false),
            (snapshot(prompt(None), Some("2")), Some(&read), true),
            (snapshot(prompt(None), None), Some(&read), true),
            (snapshot(denied(), Some("1")), Some(&read), true),
            (snapshot(missing(), Some("1")), Some(&read), true),
            (snapshot(prompt(None), Some("1")), None, true),
            (snapshot(prompt(None), None), None, false),
            (snapshot(denied(), None), None, true),
            (snapshot(denied(), Some("1")), Some(&snapshot(denied(), Some("1"))), false),
        ] {
            assert_eq!(outranks(&found, read), expected, "{found:?} after {read:?}");
        }
    }
}
