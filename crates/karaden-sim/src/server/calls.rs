//! Which API call a request is, and its right response.

use http::Method;

use crate::{
    body::Reply,
    operation::{Api, Operation},
    push,
    request::Call,
    shared::Shared,
    sms, storage,
};

/// Which API call a request is, if it is one.
pub(super) fn operation(method: &Method, path: &str) -> Option<Operation> {
    if path.starts_with("/api/") {
        sms::operation(method, path)
    } else {
        push::operation(path).or_else(|| storage::operation(path))
    }
}

/// The right answer to an API call.
pub(super) fn api(shared: &Shared, call: &Call<'_>, operation: Operation) -> Reply {
    match (operation, operation.api()) {
        (Operation::Upload | Operation::Download, _) => storage::handle(shared, call),
        (_, Api::Sms) => sms::handle(shared, call),
        (_, Api::Push) => push::handle(shared, call),
    }
}
