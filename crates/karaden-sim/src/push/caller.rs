//! The first check of every request: token and security code.

use super::status::Status;
use crate::{config::PushAccount, operation::Api, request::Form, shared::Shared, world::Owner};

/// A request that passed the first check.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) owner: Owner,
    pub(crate) account: &'a PushAccount,
}

/// Checks the two secrets of a form.
pub(super) fn authenticate<'a>(shared: &'a Shared, form: &Form<'_>) -> Result<Caller<'a>, Status> {
    let token = form.get("Token").unwrap_or_default();
    let code = form.get("SecurityCode").unwrap_or_default();
    caller(shared, token, code)
}

/// Checks the two secrets.
pub(super) fn caller<'a>(
    shared: &'a Shared,
    token: &str,
    code: &str,
) -> Result<Caller<'a>, Status> {
    let (index, account) = shared.push_account(token, code).ok_or(Status::Unauthenticated)?;
    Ok(Caller { owner: Owner { api: Api::Push, index }, account })
}
