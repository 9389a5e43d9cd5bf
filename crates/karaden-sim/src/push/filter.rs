//! The send list: `karadensetfilter`.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{caller::caller, status::Status, wire::Number as Code};
use crate::{
    body::{Reply, json_of},
    request::Call,
    shared::Shared,
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

#[derive(Serialize)]
struct Changed {
    status: Code,
    request: Code,
    success: Code,
    error: Code,
    errors: Vec<WrongRow>,
}

#[derive(Serialize)]
struct WrongRow {
    errorrow: Code,
    erroritem: &'static str,
    errorstatus: Code,
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

    let quirks = &world.quirks;
    let changed = Changed {
        status: Code::status(status, quirks),
        request: Code::count(change.list.len(), quirks),
        success: Code::count(change.list.len() - failed, quirks),
        error: Code::count(errors.len(), quirks),
        errors: errors
            .iter()
            .map(|error| WrongRow {
                errorrow: Code::count(error.row, quirks),
                erroritem: error.item,
                errorstatus: Code::status(error.status, quirks),
            })
            .collect(),
    };
    Ok(json_of(StatusCode::OK, &changed))
}
