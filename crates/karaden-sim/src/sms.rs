//! The Karaden SMS API under `/api/{tenant_id}/…`.
//!
//! Order of checks: version (400), bearer (401), tenant (400), object look-up (404), validation
//! (422, all wrong fields together). The order is our decision; codes and messages are the API's.

mod bulk;
mod callback;
mod caller;
mod error;
mod field;
mod list;
mod path;
mod send;
mod version;
mod wire;

use http::Method;

pub(crate) use self::{
    bulk::result_file, callback::callback_body, error::Failure, path::operation,
};
use self::{
    caller::{Caller, check},
    path::{Target, split},
};
use crate::{body::Reply, id::Id, request::Call, shared::Shared};

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

fn one(shared: &Shared, call: &Call<'_>, caller: &Caller<'_>, id: &str) -> Result<Reply, Failure> {
    let world = shared.world();
    let message = Id::parse(id).and_then(|id| world.owned(caller.owner, id));
    let message = message.ok_or_else(Failure::not_found)?;
    let view = wire::View::new(caller, world.quirks.absent, call.now);
    Ok(view.reply(message))
}
