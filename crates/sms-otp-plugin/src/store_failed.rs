//! What a plugin reports when a store failed.

use mfa_plugin_api::PluginError;
use otp_cache::{StoreError, StoreErrorKind};

/// Turns a failed store call into a fault for the operator. Without the store the login cannot continue.
pub(crate) fn store_failed(context: &'static str, error: StoreError) -> PluginError {
    let source = Box::new(error);
    match source.kind() {
        StoreErrorKind::Corrupt => PluginError::Internal { context, source },
        _ => PluginError::Outage { context, source },
    }
}
