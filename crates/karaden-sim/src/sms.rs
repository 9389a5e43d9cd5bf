//! The Karaden SMS API under `/api/{tenant_id}/…`.
//!
//! Order of checks: method (405), version (400), bearer token (401), tenant (400), object look-up (404), validation
//! (422, all invalid fields together). The order is our decision; codes and messages are the API's.

mod bulk;
mod callback;
mod caller;
mod error;
mod field;
mod list;
mod path;
mod send;
mod wire;

use http::Method;

pub(crate) use self::{
    bulk::result_file, callback::callback_body, error::Failure, path::operations,
};
use self::{
    caller::{Caller, check},
    path::{Route, split},
};
use crate::{body::Reply, id::Id, request::Call, shared::Shared};

/// Handles a request to `/api/…`.
pub(crate) fn handle(shared: &Shared, call: &Call<'_>) -> Reply {
    route(shared, call).unwrap_or_else(|failure| {
        let quirks = shared.world().quirks.clone();
        failure.reply(&quirks)
    })
}

fn route(shared: &Shared, call: &Call<'_>) -> Result<Reply, Failure> {
    let (tenant, route) = split(call.path).ok_or_else(Failure::not_found)?;
    let caller = check(shared, call, tenant)?;
    match (route, call.method) {
        (Route::Messages, &Method::POST) => send::send(shared, call, &caller),
        (Route::Messages, &Method::GET) => list::list(shared, call, &caller),
        (Route::Message(id), &Method::GET) => get(shared, call, &caller, id),
        (Route::Cancel(id), &Method::POST) => send::cancel(shared, call, &caller, id),
        (Route::BulkFiles, &Method::POST) => bulk::create_file(shared, call, &caller),
        (Route::Bulks, &Method::POST) => bulk::start(shared, call, &caller),
        (Route::Bulk(id), &Method::GET) => bulk::get(shared, call, &caller, id),
        (Route::BulkMessages(id), &Method::GET) => bulk::get_result(shared, call, &caller, id),
        // Another method does not come here: the server refuses it.
        _ => Err(Failure::not_found()),
    }
}

/// `GET /messages/{message_id}`.
fn get(shared: &Shared, call: &Call<'_>, caller: &Caller<'_>, id: &str) -> Result<Reply, Failure> {
    let world = shared.world();
    let message = Id::parse(id).and_then(|id| world.owned(caller.owner, id));
    let message = message.ok_or_else(Failure::not_found)?;
    let view = wire::View::new(caller, world.quirks.absent, call.now);
    Ok(view.reply(message))
}
