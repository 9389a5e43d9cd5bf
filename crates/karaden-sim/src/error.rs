//! The error of [`Sim::start`](crate::Sim::start).

use std::io;

use thiserror::Error;

/// Why a simulator does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimError {
    /// The certificate or the key for HTTPS cannot be parsed, or they do not match.
    #[error("the certificate and its key cannot be used")]
    BadIdentity,
    /// The tenant id of a project is not a UUID.
    #[error("a tenant id is not a UUID")]
    BadTenant,
    /// The address cannot be bound.
    #[error("cannot listen on the address")]
    Bind(#[source] io::Error),
    /// Other machines can reach the address, and the configuration does not allow that.
    #[error("the address is not a loopback address")]
    NotLoopback,
    /// The system's random number generator failed.
    #[error("the system's random number generator failed")]
    Randomness,
}
