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
    request::{Call, Form},
    resource::{Methods, or_bad_request},
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
    let wait = wait_ms(&query).unwrap_or_default();
    if wait.is_zero() {
        return;
    }
    let arrival = first_arrived(shared, query.filled("to"));
    tokio::select! {
        _ = tokio::time::timeout(wait, arrival) => {}
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

/// Returns the methods of a path; `None` if the path does not belong to the inbox.
pub(crate) fn methods(path: &str) -> Option<Methods> {
    Some(match path {
        "/" => &[(Method::GET, page::page)],
        "/inbox.json" => &[
            (Method::GET, |shared, call| or_bad_request(inbox_json(shared, call))),
            (Method::DELETE, delete_messages),
        ],
        "/inbox/events" => &[(Method::GET, events::events)],
        _ if path.starts_with("/s/") => &[(Method::GET, click)],
        _ if assets::exists(path) => &[(Method::GET, assets::asset)],
        _ => return actions::methods(path.strip_prefix("/inbox/")?),
    })
}

/// `GET /s/{key}`: counts as opening `https://kps.ms/{key}` on the phone.
fn click(shared: &Arc<Shared>, call: &Call<'_>) -> Reply {
    let found = shared.world().click(&call.path["/s/".len()..]);
    shared.changed();
    if found { text(StatusCode::OK, "clicked\n") } else { text(StatusCode::NOT_FOUND, "Not Found") }
}

fn delete_messages(shared: &Arc<Shared>, _call: &Call<'_>) -> Reply {
    shared.world().delete_messages();
    shared.changed();
    json(StatusCode::OK, "[]")
}

fn inbox_json(shared: &Shared, call: &Call<'_>) -> Result<Reply, String> {
    let query = call.query();
    let to = query.filled("to");
    wait_ms(&query)?;
    let messages = match query.get("all") {
        Some("1" | "true") => all_messages(shared, to, call.now),
        None | Some("0" | "false") => arrived(shared, to, call.now),
        Some(_) => return Err("all is 1, true, 0 or false".to_owned()),
    };
    Ok(json_of(StatusCode::OK, &messages))
}

/// Returns how long the request waits for the first message; zero if it does not ask for that.
fn wait_ms(query: &Form<'_>) -> Result<Duration, String> {
    let Some(millis) = query.get("wait_ms") else { return Ok(Duration::ZERO) };
    let is_number = !millis.is_empty() && millis.bytes().all(|byte| byte.is_ascii_digit());
    // A number beyond `u64` is beyond the longest wait too.
    let wait = Duration::from_millis(millis.parse().unwrap_or(u64::MAX)).min(MAX_WAIT);
    if is_number { Ok(wait) } else { Err("wait_ms is a number of milliseconds".to_owned()) }
}
