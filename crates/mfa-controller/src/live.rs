//! A prompt that an event stream shows, and waiting for the next one.

use std::{sync::Arc, time::SystemTime};

use auth_module::{FactorStatus, PendingLogin};
use mfa_plugin_api::{ClientFacts, FactorId, FlowContext, MAX_LIVE_WAIT, PluginState, Prompt};

use crate::{
    driver::{LoginDriver, with_last_outcome},
    shared::Shared,
    step::Failure,
};

/// The prompt of a login as an event stream shows it: what [`Controller::view`](crate::Controller::view)
/// would return.
///
/// Show it, wait with [`changed`](Self::changed), and ask [`Controller::watch`](crate::Controller::watch)
/// again.
#[derive(Debug)]
pub struct LivePrompt {
    prompt: Prompt,
    shared: Arc<Shared>,
    client: ClientFacts,
    login: PendingLogin,
    factor: FactorId,
    state: Option<PluginState>,
    /// What the plugin returned, without what the controller added.
    shown: Prompt,
}

impl LivePrompt {
    /// Asks the plugin of the current factor; `None` if no prompt with live status is open.
    pub(crate) async fn load(
        shared: Arc<Shared>,
        login: PendingLogin,
        client: ClientFacts,
        now: SystemTime,
    ) -> Result<Option<Self>, Failure> {
        let driver = LoginDriver::new(&shared, &client, now);
        let Some(factor) = driver.current_factor(&login) else { return Ok(None) };
        let Some(snapshot) = login.factor(&factor).cloned() else { return Ok(None) };
        let FactorStatus::Prompted { notice, rejection } = snapshot.status else {
            return Ok(None);
        };
        let (plugin, state) = (shared.plugin(&factor)?, snapshot.state);
        if plugin.live_status().is_none() {
            return Ok(None);
        }
        let call = async |context: &FlowContext<'_>| plugin.status(context).await;
        let Some(shown) = driver.call_plugin(&login, &factor, state.as_ref(), call).await? else {
            return Ok(None);
        };
        let prompt = with_last_outcome(shown.clone(), notice, rejection, now);
        Ok(Some(Self { prompt, shared, client, login, factor, state, shown }))
    }

    /// Returns the prompt.
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// Waits until [`Controller::watch`](crate::Controller::watch) may return something else: the plugin
    /// has news, a submission or action of another tab has changed the login, or the login expires. `now` is
    /// the instant at which the wait begins.
    ///
    /// Until then it reads no session, no user and, apart from what the plugin reads when the wait begins, no
    /// store.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the plugin failed. Do not wait again at once.
    ///
    /// # Cancel safety
    ///
    /// Drop it when the page is closed.
    pub async fn changed(&self, now: SystemTime) -> Result<(), Failure> {
        let plugin = self.shared.plugin(&self.factor)?;
        let Some(live_status) = plugin.live_status() else { return Ok(()) };
        let call =
            async |context: &FlowContext<'_>| live_status.changed(context, &self.shown).await;
        let driver = LoginDriver::new(&self.shared, &self.client, now);
        // A plugin may wait for `MAX_LIVE_WAIT`. One that exceeds it by the deadline of a call is at fault.
        let deadline = MAX_LIVE_WAIT + self.shared.plugin_deadline;
        let (login, factor, state) = (&self.login, &self.factor, self.state.as_ref());
        let changed = driver.call_plugin_within(deadline, login, factor, state, call);
        let lifetime = self.login.expires_at().duration_since(now).unwrap_or_default();
        tokio::time::timeout(lifetime, changed).await.unwrap_or(Ok(()))
    }
}
