//! The inbox: the messages that have arrived, as a page for people and as JSON for programs.

mod actions;
mod assets;
mod events;
mod messages;
mod page;
mod words;

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};

use self::events::next_change;
pub use self::messages::{InboxMessage, MessageState};
pub(crate) use self::messages::{all_messages, arrived, parse_id};
use crate::{
    body::{Reply, json, json_of, text},
    request::Call,
    shared::Shared,
};

/// The longest wait of `GET /inbox.json?wait_ms=…`.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Waits for the first message if the request asks for that: `GET /inbox.json?wait_ms=…`, by the system
/// clock.
pub(crate) async fn wait(shared: &Shared, call: &Call<'_>) {
    if call.path != "/inbox.json" || *call.method != Method::GET {
        return;
    }
    let query = call.query();
    let Some(millis) = query.get("wait_ms").and_then(|millis| millis.parse().ok()) else { return };
    let arrival = first_arrived(shared, query.filled("to"));
    tokio::select! {
        _ = tokio::time::timeout(Duration::from_millis(millis).min(MAX_WAIT), arrival) => {}
        () = shared.stop.cancelled() => {}
    }
}

/// Waits until a message has arrived, of any number or of the number `to`, and returns the last one.
pub(crate) async fn first_arrived(shared: &Shared, to: Option<&str>) -> InboxMessage {
    loop {
        let (mut changes, mut moves) = (shared.changes(), shared.clock.moves());
        let now = shared.clock.now();
        if let Some(message) = arrived(shared, to, now).into_iter().next() {
            return message;
        }
        tokio::select! {
            _ = changes.changed() => {}
            _ = moves.changed() => {}
            () = next_change(shared, now) => {}
        }
    }
}

/// Handles a request to the inbox; `None` if the path does not belong to it.
pub(crate) fn handle(shared: &Arc<Shared>, call: &Call<'_>) -> Option<Reply> {
    match (call.path, call.method) {
        ("/inbox/events", &Method::GET) => Some(events::events(shared)),
        (path, &Method::GET) if path.starts_with("/assets/") => assets::asset(path),
        (path, &Method::GET) if path.starts_with("/s/") => Some(click(shared, &path[3..])),
        ("/", &Method::GET | &Method::HEAD) => Some(page::page(shared, call)),
        ("/inbox.json", &Method::GET | &Method::HEAD) => Some(inbox_json(shared, call)),
        ("/inbox.json", &Method::DELETE) => Some(delete_messages(shared)),
        ("/inbox.json", _) => Some(text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")),
        _ => actions::handle(shared, call),
    }
}

/// `GET /s/{key}`: counts as opening `https://kps.ms/{key}` on the phone.
fn click(shared: &Shared, key: &str) -> Reply {
    let found = shared.world().click(key);
    shared.changed();
    if found { text(StatusCode::OK, "clicked\n") } else { text(StatusCode::NOT_FOUND, "Not Found") }
}

fn delete_messages(shared: &Shared) -> Reply {
    shared.world().delete_messages();
    shared.changed();
    json(StatusCode::OK, "[]")
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
