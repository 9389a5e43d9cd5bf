//! Events, with the feature `tracing`. None has a number, a code or a text.

use std::error::Error as StdError;

/// Records a failure that an operator should see.
pub(crate) fn failed(what: &'static str, error: &(dyn StdError + 'static)) {
    #[cfg(feature = "tracing")]
    tracing::warn!(error, "{what}");
    #[cfg(not(feature = "tracing"))]
    let _ = (what, error);
}

/// Records a failure of no consequence.
pub(crate) fn failed_quietly(what: &'static str, error: &(dyn StdError + 'static)) {
    #[cfg(feature = "tracing")]
    tracing::debug!(error, "{what}");
    #[cfg(not(feature = "tracing"))]
    let _ = (what, error);
}

/// Records a fact that an operator should see.
pub(crate) fn warn(what: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::warn!("{what}");
    #[cfg(not(feature = "tracing"))]
    let _ = what;
}

/// Records that a limit on text messages refused some. An operator may have to raise it.
pub(crate) fn limit_reached(limit: &'static str, times: u64) {
    #[cfg(feature = "tracing")]
    tracing::warn!(limit, times, "a limit on text messages was reached");
    #[cfg(not(feature = "tracing"))]
    let _ = (limit, times);
}

/// Records that Karaden refused a message: reason, HTTP status and a fixed hint.
#[cfg(feature = "karaden")]
pub(crate) fn refused(error: &karaden_client::Error) {
    #[cfg(feature = "tracing")]
    {
        let reason = error.refusal();
        tracing::warn!(
            reason = reason.map(karaden_client::RefusalReason::as_str),
            status = error.status(),
            hint = reason.and_then(karaden_client::RefusalReason::hint),
            "karaden refused a message"
        );
    }
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}
