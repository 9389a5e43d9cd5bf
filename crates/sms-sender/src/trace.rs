//! Events, with the feature `tracing`. They carry references, never a number or a text.

/// Records that a breaker opened.
pub(crate) fn opened(why: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::warn!(why, "circuit breaker opened");
    #[cfg(not(feature = "tracing"))]
    let _ = why;
}

/// Records that a message goes to the next sender.
pub(crate) fn failed_over(reference: &str) {
    #[cfg(feature = "tracing")]
    tracing::warn!(reference, "sms sender failed over");
    #[cfg(not(feature = "tracing"))]
    let _ = reference;
}
