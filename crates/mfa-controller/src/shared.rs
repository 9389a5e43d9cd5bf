//! What every call of a controller shares.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use auth_module::{AuthError, AuthModule};
use mfa_plugin_api::{FactorId, MfaPlugin, Randomness};

use crate::step::Failure;

/// The parts of a [`Controller`](crate::Controller).
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) auth: Arc<AuthModule>,
    pub(crate) plugins: BTreeMap<FactorId, Arc<dyn MfaPlugin>>,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) plugin_deadline: Duration,
}

impl Shared {
    /// Returns the plugin of `factor`.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] if no plugin provides the factor.
    pub(crate) fn plugin(&self, factor: &FactorId) -> Result<&dyn MfaPlugin, Failure> {
        self.plugins.get(factor).map(AsRef::as_ref).ok_or_else(|| {
            tracing::error!(%factor, "a policy asks for a factor that no plugin provides");
            Failure::Internal
        })
    }
}

/// Logs an error of the authentication module and returns its class. The user sees the class only.
pub(crate) fn auth_failed(error: &AuthError) -> Failure {
    tracing::error!(error = error as &dyn std::error::Error, "the authentication module failed");
    if error.is_retryable() { Failure::Outage } else { Failure::Internal }
}
