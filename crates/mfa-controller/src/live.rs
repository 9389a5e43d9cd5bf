//! A prompt that an event stream shows, and waiting for the next one.

use std::{sync::Arc, time::SystemTime};

use auth_module::{FactorStatus, PendingLogin};
use mfa_plugin_api::{
    ClientFacts, FactorId, FlowContext, MAX_LIVE_WAIT, PluginState, Prompt, Step,
};

use crate::{
    driver::{LoginDriver, with_last_outcome},
    shared::Shared,
    step::Failure,
};

/// What an event stream has to do, from [`Controller::watch`](crate::Controller::watch).
#[derive(Debug)]
pub enum Watched {
    /// There is nothing to wait for: the prompt has no live status, or it could not be loaded. The page stays.
    Ended,
    /// The login has moved on, so the page has to load itself again: the factor is satisfied or cannot go on,
    /// or the login has ended.
    Moved,
    /// Show this prompt and wait for its change.
    Prompt(Box<LivePrompt>),
}

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
    /// Asks the plugin of the current factor.
    pub(crate) async fn load(
        shared: &Arc<Shared>,
        driver: &mut LoginDriver<'_>,
        login: &PendingLogin,
        client: &ClientFacts,
        now: SystemTime,
    ) -> Result<Watched, Failure> {
        let Some(factor) = driver.current_factor(login) else { return Ok(Watched::Moved) };
        let Some(snapshot) = login.factor(&factor).cloned() else { return Ok(Watched::Moved) };
        let FactorStatus::Prompted { notice, rejection } = snapshot.status else {
            return Ok(Watched::Moved);
        };
        let (plugin, state) = (shared.plugin(&factor)?, snapshot.state);
        if plugin.live_status().is_none() {
            return Ok(Watched::Ended);
        }
        let call = async |context: &FlowContext<'_>| plugin.status(context).await;
        let shown = match driver.call_plugin(login, &factor, state.as_ref(), call).await? {
            // The factor begins again with the next view, which may send a message: not automatically.
            None => return Ok(Watched::Ended),
            Some(Step::Prompt(shown)) => shown,
            Some(step) => {
                driver.save_status(login, &factor, step, state.as_ref()).await?;
                return Ok(Watched::Moved);
            }
        };
        let prompt = with_last_outcome(shown.clone(), notice, rejection, now);
        let (shared, client, login) = (Arc::clone(shared), client.clone(), login.clone());
        Ok(Watched::Prompt(Box::new(Self { prompt, shared, client, login, factor, state, shown })))
    }

    /// Returns the factor that asks.
    pub fn factor(&self) -> &FactorId {
        &self.factor
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
