//! The error of a plugin's calls.

use crate::context::RandomnessUnavailable;

/// A fault that neither the user nor the provider caused, such as a missing service.
///
/// The host logs it with its source and shows a general error page. The login does not change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The host does not provide a service that the plugin needs.
    #[error("the host does not provide {0}")]
    MissingService(&'static str),
    /// The random generator failed.
    #[error("no randomness")]
    Randomness(#[from] RandomnessUnavailable),
    /// A store or another service did not respond. A later attempt may succeed.
    #[error("{context}")]
    Outage {
        /// What the plugin was doing.
        context: &'static str,
        /// Why it failed; carries no secret and no phone number.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A defect, such as a wrong key or corrupt data.
    #[error("{context}")]
    Internal {
        /// What the plugin was doing.
        context: &'static str,
        /// Why it failed; carries no secret and no phone number.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
