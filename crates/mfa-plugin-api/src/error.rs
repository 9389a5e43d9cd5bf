//! The error of a plugin's calls.

use crate::context::RandomnessUnavailable;

/// A fault that neither the user nor the provider caused, such as a missing service.
///
/// The host logs it with its source and shows a general error page. The login does not change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The host does not provide a service that the plugin needs.
    ///
    /// Services are found by type. If the dependency tree has two versions of the crate that defines the
    /// service's type, host and plugin mean two types, and the plugin does not find the service.
    /// `cargo tree --duplicates` lists such crates.
    #[error(
        "the host does not provide {0}, or provides it in the type of another version of the crate that \
         defines it (see `cargo tree --duplicates`)"
    )]
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
