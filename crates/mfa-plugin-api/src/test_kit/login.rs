//! One login of a minimal host.

use std::{
    error::Error,
    fmt::Debug,
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::{audit::RecordingAudit, randomness::SwitchableRandomness};
use crate::{
    ActionId, ClientFacts, Credential, Enrol, EnrolReply, EnrolStep, FactorId, FlowContext, FlowId,
    FlowParts, MfaPlugin, PluginError, PluginState, Prompt, Reply, Services, Step, Subject,
    Submission,
};

/// A login that calls a plugin as a host does, keeps its state between the calls, and records everything
/// that it returns. It also stands for an enrolment.
///
/// The clock shows 2026-01-01 00:00:00 UTC until [`advance`](Self::advance) moves it.
#[derive(Debug)]
pub struct TestLogin<'p> {
    plugin: &'p dyn MfaPlugin,
    factor: FactorId,
    flow: FlowId,
    subject: Subject,
    client: ClientFacts,
    services: Services,
    randomness: SwitchableRandomness,
    audit: RecordingAudit,
    now: Mutex<SystemTime>,
    state: Mutex<Option<PluginState>>,
    seen: Mutex<String>,
}

impl<'p> TestLogin<'p> {
    /// Returns a login of `subject` that has not begun.
    pub fn new(plugin: &'p dyn MfaPlugin, subject: Subject, services: Services) -> Self {
        Self {
            plugin,
            factor: plugin.descriptor().factor.clone(),
            flow: FlowId::new("test-login"),
            subject,
            client: ClientFacts::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), "en"),
            services,
            randomness: SwitchableRandomness::new(1),
            audit: RecordingAudit::new(),
            now: Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)),
            state: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Sets the facts about the browser. Default: the address 192.0.2.1 and the language `en`.
    #[must_use]
    pub fn with_client(mut self, client: ClientFacts) -> Self {
        self.client = client;
        self
    }

    /// Sets the name of the login. Default: `test-login`. No two logins of a host have the same name, so give
    /// the second one another [seed](Self::with_seed) too.
    #[must_use]
    pub fn with_flow(mut self, flow: FlowId) -> Self {
        self.flow = flow;
        self
    }

    /// Sets the seed of the host's randomness. Default: 1.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.randomness = SwitchableRandomness::new(seed);
        self
    }

    /// Returns the instant of the next call.
    pub fn now(&self) -> SystemTime {
        *lock(&self.now)
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        *lock(&self.now) += by;
    }

    /// Sets whether the host's random generator fails from now on.
    pub fn fail_randomness(&self, is_failing: bool) {
        self.randomness.set_failing(is_failing);
    }

    /// Returns how often the plugin asked for randomness and got none.
    pub fn randomness_failures(&self) -> usize {
        self.randomness.failures()
    }

    /// Replaces the plugin's state: with `None` like a host that was cut off before it saved the state, or
    /// with an older one like another tab.
    pub fn set_state(&self, state: Option<PluginState>) {
        *lock(&self.state) = state;
    }

    /// Returns the plugin's state.
    pub fn state(&self) -> Option<PluginState> {
        lock(&self.state).clone()
    }

    /// Returns the audit trail.
    pub fn audit(&self) -> &RecordingAudit {
        &self.audit
    }

    /// Returns the `Debug` form of everything that the plugin returned, the bytes of its states, and the
    /// text of its errors. Of an enrolment it has the errors only, because its prompts may show a secret.
    pub fn seen(&self) -> String {
        lock(&self.seen).clone()
    }

    /// Calls [`MfaPlugin::begin`].
    ///
    /// # Errors
    ///
    /// The plugin's error.
    pub async fn begin(&self) -> Result<Step, PluginError> {
        let state = self.state();
        let reply = self.plugin.begin(&self.context(state.as_ref())).await;
        self.keep(reply)
    }

    /// Calls [`MfaPlugin::submit`].
    ///
    /// # Errors
    ///
    /// The plugin's error.
    pub async fn submit(&self, submission: &Submission) -> Result<Step, PluginError> {
        let state = self.state();
        let reply = self.plugin.submit(&self.context(state.as_ref()), submission).await;
        self.keep(reply)
    }

    /// Calls [`MfaPlugin::action`].
    ///
    /// # Errors
    ///
    /// The plugin's error.
    pub async fn action(&self, action: &ActionId) -> Result<Step, PluginError> {
        let state = self.state();
        let reply = self.plugin.action(&self.context(state.as_ref()), action).await;
        self.keep(reply)
    }

    /// Calls [`MfaPlugin::status`].
    ///
    /// # Errors
    ///
    /// The plugin's error.
    pub async fn status(&self) -> Result<Option<Step>, PluginError> {
        let state = self.state();
        let status = self.plugin.status(&self.context(state.as_ref())).await;
        self.note_result(status)
    }

    /// Calls [`LiveStatus::changed`](crate::LiveStatus::changed).
    ///
    /// # Errors
    ///
    /// The plugin's error.
    ///
    /// # Panics
    ///
    /// If the plugin has no live status.
    pub async fn changed(&self, shown: &Prompt) -> Result<(), PluginError> {
        let state = self.state();
        let live_status = self.plugin.live_status().expect("the plugin has live status");
        let changed = live_status.changed(&self.context(state.as_ref()), shown).await;
        self.note_result(changed)
    }

    /// Calls [`Enrol::begin`].
    ///
    /// # Errors
    ///
    /// The plugin's error.
    ///
    /// # Panics
    ///
    /// If the plugin has no enrolment.
    pub async fn begin_enrolment(&self) -> Result<EnrolStep, PluginError> {
        let state = self.state();
        let reply = self.enrolment().begin(&self.context(state.as_ref())).await;
        self.keep_enrolment(reply)
    }

    /// Calls [`Enrol::submit`].
    ///
    /// # Errors
    ///
    /// The plugin's error.
    ///
    /// # Panics
    ///
    /// If the plugin has no enrolment.
    pub async fn submit_enrolment(
        &self,
        submission: &Submission,
    ) -> Result<EnrolStep, PluginError> {
        let state = self.state();
        let reply = self.enrolment().submit(&self.context(state.as_ref()), submission).await;
        self.keep_enrolment(reply)
    }

    /// Calls [`Enrol::remove`].
    ///
    /// # Errors
    ///
    /// The plugin's error.
    ///
    /// # Panics
    ///
    /// If the plugin has no enrolment.
    pub async fn remove_credential(&self, credential: &Credential) -> Result<(), PluginError> {
        let state = self.state();
        let removed = self.enrolment().remove(&self.context(state.as_ref()), credential).await;
        self.note_result(removed)
    }

    fn enrolment(&self) -> &dyn Enrol {
        self.plugin.enrolment().expect("the plugin has enrolment")
    }

    fn context<'a>(&'a self, state: Option<&'a PluginState>) -> FlowContext<'a> {
        FlowContext::new(FlowParts {
            factor: &self.factor,
            flow: &self.flow,
            subject: &self.subject,
            client: &self.client,
            now: self.now(),
            randomness: &self.randomness,
            services: &self.services,
            audit: &self.audit,
        })
        .with_state(state)
    }

    fn keep(&self, reply: Result<Reply, PluginError>) -> Result<Step, PluginError> {
        let Reply { step, state } = self.note_result(reply)?;
        if let Some(state) = &state {
            self.note(&String::from_utf8_lossy(state.as_bytes()));
        }
        *lock(&self.state) = state;
        Ok(step)
    }

    fn keep_enrolment(
        &self,
        reply: Result<EnrolReply, PluginError>,
    ) -> Result<EnrolStep, PluginError> {
        let EnrolReply { step, state } =
            reply.or_else(|error| self.note_result::<EnrolReply>(Err(error)))?;
        *lock(&self.state) = state;
        Ok(step)
    }

    fn note_result<T: Debug>(&self, result: Result<T, PluginError>) -> Result<T, PluginError> {
        self.note(&format!("{result:?}"));
        let mut cause = result.as_ref().err().map(|error| error as &dyn Error);
        while let Some(error) = cause {
            self.note(&error.to_string());
            cause = error.source();
        }
        result
    }

    fn note(&self, text: &str) {
        let mut seen = lock(&self.seen);
        seen.push_str(text);
        seen.push('\n');
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
