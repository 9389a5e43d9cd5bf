//! The events of the simulator, with the feature `tracing`. None has a number, a text or a secret.

use std::io;

/// A connection was not accepted.
pub(crate) fn accept_failed(error: &io::Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(error = %error, "cannot accept a connection");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// A TLS handshake failed.
#[cfg(feature = "tls")]
pub(crate) fn handshake_failed(error: &io::Error) {
    #[cfg(feature = "tracing")]
    tracing::debug!(error = %error, "a TLS handshake failed");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// A callback had its last attempt.
pub(crate) fn callback_dropped(attempts: u8) {
    #[cfg(feature = "tracing")]
    tracing::warn!(attempts, "a callback was not delivered and is dropped");
    #[cfg(not(feature = "tracing"))]
    let _ = attempts;
}
