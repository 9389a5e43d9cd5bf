//! The inbox: the messages that have arrived, as a page for people and as JSON for programs.

mod actions;
mod assets;
mod events;
mod messages;
mod page;
mod words;

use std::sync::Arc;

use http::{Method, StatusCode};

pub use self::messages::InboxMessage;
use self::messages::all_messages;
pub(crate) use self::messages::arrived;
use crate::{
    body::{Reply, json_of, text},
    request::Call,
    shared::Shared,
};

/// Handles a request to the inbox; `None` if the path does not belong to it.
pub(crate) fn handle(shared: &Arc<Shared>, call: &Call<'_>) -> Option<Reply> {
    match (call.path, call.method) {
        ("/inbox/events", &Method::GET) => Some(events::events(shared)),
        (path, &Method::GET) if path.starts_with("/assets/") => assets::asset(path),
        (path, &Method::GET) if path.starts_with("/s/") => Some(click(shared, &path[3..])),
        ("/", &Method::GET | &Method::HEAD) => Some(page::page(shared, call)),
        ("/inbox.json", &Method::GET | &Method::HEAD) => Some(inbox_json(shared, call)),
        _ => actions::handle(shared, call),
    }
}

/// `GET /s/{key}`: counts as opening `https://kps.ms/{key}` on the phone.
fn click(shared: &Shared, key: &str) -> Reply {
    let found = shared.world().click(key);
    shared.changed();
    if found { text(StatusCode::OK, "clicked\n") } else { text(StatusCode::NOT_FOUND, "Not Found") }
}

fn inbox_json(shared: &Shared, call: &Call<'_>) -> Reply {
    let query = call.query();
    let to = query.filled("to");
    let messages = if matches!(query.get("all"), Some("1" | "true")) {
        all_messages(shared, to, call.now)
    } else {
        arrived(shared, to, call.now)
    };
    json_of(StatusCode::OK, &messages)
}
