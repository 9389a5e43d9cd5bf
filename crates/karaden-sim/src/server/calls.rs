//! Maps requests to API calls, and API calls to their handlers.

use crate::{
    body::Reply,
    operation::{Api, Operation},
    push,
    request::Call,
    shared::Shared,
    sms, storage,
};

/// Returns the API calls of a path, each with a method of its own; none for any other path.
pub(super) fn operations(path: &str) -> Vec<Operation> {
    if path.starts_with("/api/") {
        sms::operations(path).to_vec()
    } else {
        push::operation(path).or_else(|| storage::operation(path)).into_iter().collect()
    }
}

/// Handles an API call, without faults.
pub(super) fn handle_api(shared: &Shared, call: &Call<'_>, operation: Operation) -> Reply {
    match (operation, operation.api()) {
        (Operation::Upload | Operation::Download, _) => storage::handle(shared, call),
        (_, Api::Sms) => sms::handle(shared, call),
        (_, Api::Push) => push::handle(shared, call),
    }
}
