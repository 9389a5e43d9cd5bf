//! Changes the send list: `karadensetfilter`.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{caller::caller, status::Status, wire::WireNumber};
use crate::{
    body::{Reply, json_of},
    request::Call,
    shape::Object,
    shared::Shared,
    world::Number,
};

/// Maximum count of numbers on a list.
const MAX_LIST_LENGTH: usize = 100_000;

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    token: String,
    #[serde(default)]
    securitycode: String,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    list: Vec<Object<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    phonenumber: String,
}

#[derive(Serialize)]
struct SendListResponse {
    status: WireNumber,
    request: WireNumber,
    success: WireNumber,
    error: WireNumber,
    errors: Vec<RowError>,
}

/// A row that was rejected.
#[derive(Serialize)]
struct RowError {
    errorrow: WireNumber,
    erroritem: &'static str,
    errorstatus: WireNumber,
}

/// `POST karadensetfilter.json`: `type` 1 adds to the list, 0 replaces it. The response names the
/// rejected rows; the others are added.
pub(super) fn set(shared: &Shared, call: &Call<'_>) -> Result<Reply, Status> {
    if !call.media_type().eq_ignore_ascii_case("application/json") {
        return Err(Status::Internal);
    }
    let Object::<Change>(change) =
        serde_json::from_slice(call.body).map_err(|_| Status::Internal)?;
    let caller = caller(shared, &change.token, &change.securitycode)?;
    let replaces = match change.r#type.as_str() {
        "0" => true,
        "1" => false,
        _ => return Err(Status::Internal),
    };
    let mut world = shared.world();
    let quirks = world.quirks.clone();
    let row_error = |row, erroritem, status| RowError {
        errorrow: WireNumber::count(row, &quirks),
        erroritem,
        errorstatus: WireNumber::status(status, &quirks),
    };
    let list = world.send_list(caller.owner);
    if replaces {
        list.clear();
    }
    let mut errors = Vec::new();
    if change.list.is_empty() && !replaces {
        errors.push(row_error(1, "list", Status::NoList));
    }
    let mut added = 0;
    for (index, Object(entry)) in change.list.iter().enumerate() {
        let status = match Number::parse(&entry.phonenumber) {
            None => Status::BadNumber,
            Some(_) if list.len() >= MAX_LIST_LENGTH => Status::Internal,
            Some(number) if list.insert(number.key()) => {
                added += 1;
                continue;
            }
            Some(_) => Status::AlreadyListed,
        };
        errors.push(row_error(index + 1, "phonenumber", status));
    }
    let status = if errors.is_empty() { Status::Ok } else { Status::RowErrors };
    let response = SendListResponse {
        status: WireNumber::status(status, &quirks),
        request: WireNumber::count(change.list.len(), &quirks),
        success: WireNumber::count(added, &quirks),
        error: WireNumber::count(errors.len(), &quirks),
        errors,
    };
    Ok(json_of(StatusCode::OK, &response))
}
