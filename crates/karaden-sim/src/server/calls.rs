//! Maps requests to API calls, and API calls to their handlers.

use http::Method;

use crate::{
    body::Reply,
    operation::{Api, Operation},
    push,
    request::Call,
    shared::Shared,
    sms, storage,
};

/// Returns the API call of a request; `None` for any other request.
pub(super) fn operation(method: &Method, path: &str) -> Option<Operation> {
    if path.starts_with("/api/") {
        sms::operation(method, path)
    } else {
        push::operation(path).or_else(|| storage::operation(path))
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
