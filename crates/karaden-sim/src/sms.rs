//! The Karaden SMS API under `/api/{tenant_id}/…`.
//!
//! Order of checks: version (400), bearer (401), tenant (400), object look-up (404), validation
//! (422, all wrong fields together). The order is our decision; codes and messages are the API's.

mod bulk;
mod callback;
mod error;
mod list;
mod send;
mod version;
mod wire;

use http::{Method, StatusCode};

pub(crate) use bulk::result_file;
pub(crate) use callback::callback_body;
pub(crate) use error::Failure;
pub(crate) use version::Version;

use crate::{
    body::{Reply, json},
    config::SmsProject,
    fault::Operation,
    id::{Id, parse_uuid},
    request::Call,
    running::Shared,
    world::{Api, Message, Owner},
};

/// A path after `/api/{tenant_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Messages,
    Message(&'a str),
    Cancel(&'a str),
    Bulks,
    BulkFiles,
    Bulk(&'a str),
    BulkMessages(&'a str),
    Unknown,
}

/// A request that passed the common checks.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) owner: Owner,
    pub(crate) project: &'a SmsProject,
    pub(crate) version: Version,
}

/// Splits `/api/{tenant_id}/…` into tenant and target.
pub(crate) fn split(path: &str) -> Option<(&str, Target<'_>)> {
    let rest = path.strip_prefix("/api/")?;
    let (tenant, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let mut parts = rest.split('/');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
    let target = match parts {
        (Some("messages"), None, ..) => Target::Messages,
        (Some("messages"), Some("bulks"), None, ..) => Target::Bulks,
        (Some("messages"), Some("bulks"), Some("files"), None, _) => Target::BulkFiles,
        (Some("messages"), Some("bulks"), Some(id), None, _) => Target::Bulk(id),
        (Some("messages"), Some("bulks"), Some(id), Some("messages"), None) => {
            Target::BulkMessages(id)
        }
        (Some("messages"), Some(id), None, ..) => Target::Message(id),
        (Some("messages"), Some(id), Some("cancel"), None, _) => Target::Cancel(id),
        _ => Target::Unknown,
    };
    Some((tenant, target))
}

/// Which call a request is, for faults.
pub(crate) fn operation(method: &Method, path: &str) -> Option<Operation> {
    let (_, target) = split(path)?;
    Some(match (target, method) {
        (Target::Messages, &Method::POST) => Operation::Send,
        (Target::Messages, _) => Operation::List,
        (Target::Message(_), _) => Operation::Get,
        (Target::Cancel(_), _) => Operation::Cancel,
        (Target::BulkFiles, _) => Operation::BulkFile,
        (Target::Bulks, _) => Operation::BulkStart,
        (Target::Bulk(_), _) => Operation::BulkGet,
        (Target::BulkMessages(_), _) => Operation::BulkResult,
        (Target::Unknown, _) => return None,
    })
}

/// Answers a request to `/api/…`.
pub(crate) fn handle(shared: &Shared, call: &Call<'_>) -> Reply {
    answer(shared, call).unwrap_or_else(|failure| {
        let quirks = shared.world().quirks.clone();
        failure.reply(&quirks)
    })
}

fn answer(shared: &Shared, call: &Call<'_>) -> Result<Reply, Failure> {
    let (tenant, target) = split(call.path).ok_or_else(Failure::not_found)?;
    let caller = check(shared, call, tenant)?;
    match (target, call.method) {
        (Target::Messages, &Method::POST) => send::send(shared, call, &caller),
        (Target::Messages, &Method::GET) => list::list(shared, call, &caller),
        (Target::Message(id), &Method::GET) => one(shared, call, &caller, id),
        (Target::Cancel(id), &Method::POST) => send::cancel(shared, call, &caller, id),
        (Target::BulkFiles, &Method::POST) => bulk::file(shared, call, &caller),
        (Target::Bulks, &Method::POST) => bulk::start(shared, call, &caller),
        (Target::Bulk(id), &Method::GET) => bulk::state(shared, call, &caller, id),
        (Target::BulkMessages(id), &Method::GET) => bulk::result(shared, call, &caller, id),
        (Target::Unknown, _) => Err(Failure::not_found()),
        _ => Err(Failure::method_not_allowed()),
    }
}

/// Version, bearer, tenant: in this order.
fn check<'a>(shared: &'a Shared, call: &Call<'_>, tenant: &str) -> Result<Caller<'a>, Failure> {
    let version = match call.header("karaden-version") {
        Some(asked) => Version::parse(asked),
        None => shared.world().quirks.default_version.as_deref().and_then(Version::parse),
    };
    let version = version.ok_or_else(Failure::invalid_version)?;
    let token = bearer(call).ok_or_else(Failure::unauthenticated)?;
    let (index, project) = shared.project_by_token(token).ok_or_else(Failure::unauthenticated)?;
    let tenant =
        parse_uuid(tenant).filter(|tenant| parse_uuid(&project.tenant_id) == Some(*tenant));
    tenant.ok_or_else(Failure::invalid_tenant)?;
    Ok(Caller { owner: Owner { api: Api::Sms, index }, project, version })
}

fn bearer<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    let (scheme, token) = call.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn one(shared: &Shared, call: &Call<'_>, caller: &Caller<'_>, id: &str) -> Result<Reply, Failure> {
    let world = shared.world();
    let message = Id::parse(id).and_then(|id| world.owned(caller.owner, id));
    let message = message.ok_or_else(Failure::not_found)?;
    let view = wire::View::new(caller, world.quirks.absent, call.now);
    Ok(message_reply(&view, message))
}

fn message_reply(view: &wire::View<'_>, message: &Message) -> Reply {
    let mut out = String::with_capacity(768 + message.body().len());
    view.write(&mut out, message);
    json(StatusCode::OK, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let target = |path| split(path).map(|(_, target)| target);
        assert_eq!(target("/api/t/messages"), Some(Target::Messages));
        assert_eq!(target("/api/t/messages/"), Some(Target::Message("")));
        assert_eq!(target("/api/t/messages/x/"), Some(Target::Unknown));
        assert_eq!(target("/api/t/messages/x"), Some(Target::Message("x")));
        assert_eq!(target("/api/t/messages/x/cancel"), Some(Target::Cancel("x")));
        assert_eq!(target("/api/t/messages/x/cancel/y"), Some(Target::Unknown));
        assert_eq!(target("/api/t/messages/bulks"), Some(Target::Bulks));
        assert_eq!(target("/api/t/messages/bulks/files"), Some(Target::BulkFiles));
        assert_eq!(target("/api/t/messages/bulks/x"), Some(Target::Bulk("x")));
        assert_eq!(target("/api/t/messages/bulks/x/messages"), Some(Target::BulkMessages("x")));
        assert_eq!(target("/api/t"), Some(Target::Unknown));
        assert_eq!(target("/v2/t"), None);
    }
}
