//! The send list: `karadensetfilter`.

use http::StatusCode;
use serde::Deserialize;

use super::{Status, caller, wire::Object};
use crate::{
    body::{Reply, json},
    request::Call,
    running::Shared,
    world::Number,
};

/// Most numbers on a list.
const LONGEST_LIST: usize = 100_000;

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    token: String,
    #[serde(default)]
    securitycode: String,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    list: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    phonenumber: String,
}

/// A row that was not taken.
struct RowError {
    row: usize,
    item: &'static str,
    status: Status,
}

/// `POST karadensetfilter.json`: `type` 1 adds to the list, 0 replaces it. Rows that are wrong are
/// named, the others taken.
pub(super) fn set(shared: &Shared, call: &Call<'_>) -> Result<Reply, Status> {
    if !call.media_type().eq_ignore_ascii_case("application/json") {
        return Err(Status::Internal);
    }
    let change: Change = serde_json::from_slice(call.body).map_err(|_| Status::Internal)?;
    let caller = caller(shared, &change.token, &change.securitycode)?;
    let replaces = match change.r#type.as_str() {
        "0" => true,
        "1" => false,
        _ => return Err(Status::Internal),
    };
    let mut world = shared.world();
    let list = world.send_list(caller.owner);
    if replaces {
        list.clear();
    }
    let mut errors = Vec::new();
    if change.list.is_empty() && !replaces {
        errors.push(RowError { row: 1, item: "list", status: Status::NoList });
    }
    for (index, entry) in change.list.iter().enumerate() {
        let status = match Number::parse(&entry.phonenumber) {
            None => Status::BadNumber,
            Some(_) if list.len() >= LONGEST_LIST => Status::Internal,
            Some(number) if list.insert(number.key()) => continue,
            Some(_) => Status::AlreadyListed,
        };
        errors.push(RowError { row: index + 1, item: "phonenumber", status });
    }
    let status = if errors.is_empty() { Status::Ok } else { Status::RowErrors };
    let failed = errors.iter().filter(|error| error.status != Status::NoList).count();

    let quirks = world.quirks.clone();
    let mut out = String::with_capacity(128 + errors.len() * 64);
    let mut object = Object::begin(&mut out, &quirks);
    object.status(status);
    object.number("request", change.list.len() as u64);
    object.number("success", (change.list.len() - failed) as u64);
    object.number("error", errors.len() as u64);
    let rows = object.key("errors");
    rows.push('[');
    for (index, error) in errors.iter().enumerate() {
        if index > 0 {
            rows.push(',');
        }
        let mut row = Object::begin(rows, &quirks);
        row.number("errorrow", error.row as u64);
        row.string("erroritem", error.item);
        row.number("errorstatus", error.status as u64);
        row.end();
    }
    rows.push(']');
    object.end();
    Ok(json(StatusCode::OK, out))
}
