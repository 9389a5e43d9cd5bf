//! The first check of every request: token and security code.

use super::status::Status;
use crate::{
    config::PushAccount,
    operation::Api,
    request::Form,
    shared::Shared,
    world::{Owner, weighed_units},
};

/// A request that passed the first check.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) owner: Owner,
    pub(crate) account: &'a PushAccount,
}

impl Caller<'_> {
    /// Returns the length of a text by the account's rule for line breaks.
    pub(super) fn units(&self, text: &str) -> usize {
        weighed_units(text, self.account.line_break_units)
    }
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
