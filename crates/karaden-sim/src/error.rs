//! Why a simulator does not start.

use std::io;

use thiserror::Error;

/// Why a simulator does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimError {
    /// The certificate and the key for HTTPS cannot be read, or do not belong together.
    #[error("the certificate and its key cannot be used")]
    BadIdentity,
    /// The tenant id of a project is not a UUID.
    #[error("a tenant id is not a UUID")]
    BadTenant,
    /// The address cannot be bound.
    #[error("cannot listen on the address")]
    Bind(#[source] io::Error),
    /// The address is reachable from outside this machine.
    #[error("refusing to listen beyond loopback without being told to")]
    NotLoopback,
    /// The system gives no randomness.
    #[error("no randomness from the system")]
    Randomness,
}
