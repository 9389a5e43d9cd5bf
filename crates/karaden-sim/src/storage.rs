//! The storage beside the SMS API: signed URLs for the files of bulk sends.
//!
//! As with storage services of this kind, the signature is the only credential: a request that also
//! brings an `Authorization` header is refused, so a client that leaks its token there is found out.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{
    Method, StatusCode,
    header::{CONTENT_DISPOSITION, HeaderValue},
};
use sha2::Sha256;

use crate::{
    body::{Reply, json, reply, text},
    fault::Operation,
    id::Id,
    request::Call,
    running::Shared,
    sms,
    time::Instant,
};

/// The largest file that may be uploaded.
pub(crate) const LARGEST_UPLOAD: usize = 16 * 1024 * 1024;

const UPLOADS: &str = "/storage/uploads/";
const RESULTS: &str = "/storage/results/";

pub(crate) fn upload_url(shared: &Shared, call: &Call<'_>, id: Id, expires_at: Instant) -> String {
    signed(shared, call, &format!("{UPLOADS}{id}"), expires_at)
}

pub(crate) fn download_url(
    shared: &Shared,
    call: &Call<'_>,
    id: Id,
    expires_at: Instant,
) -> String {
    signed(shared, call, &format!("{RESULTS}{id}"), expires_at)
}

fn signed(shared: &Shared, call: &Call<'_>, path: &str, expires_at: Instant) -> String {
    let base = match &shared.config.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("{}://{}", shared.config.scheme(), call.host.unwrap_or("localhost")),
    };
    let expires = expires_at.as_millis();
    let signature = signature(shared, path, expires);
    format!("{base}{path}?expires={expires}&signature={signature}")
}

fn mac(shared: &Shared, path: &str, expires: i64) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&shared.storage_key).ok()?;
    mac.update(path.as_bytes());
    mac.update(&expires.to_be_bytes());
    Some(mac)
}

fn signature(shared: &Shared, path: &str, expires: i64) -> String {
    let mut hex = String::with_capacity(64);
    if let Some(mac) = mac(shared, path, expires) {
        for byte in mac.finalize().into_bytes() {
            let _ = write!(hex, "{byte:02x}");
        }
    }
    hex
}

/// Which call a request is, for faults.
pub(crate) fn operation(path: &str) -> Option<Operation> {
    if path.starts_with(UPLOADS) {
        Some(Operation::Upload)
    } else if path.starts_with(RESULTS) {
        Some(Operation::Download)
    } else {
        None
    }
}

/// Answers a request to the storage.
pub(crate) fn handle(shared: &Shared, call: &Call<'_>) -> Reply {
    if call.headers.contains_key(http::header::AUTHORIZATION) {
        return refusal(StatusCode::BAD_REQUEST, "InvalidArgument");
    }
    if !is_signed(shared, call) {
        return refusal(StatusCode::FORBIDDEN, "AccessDenied");
    }
    let (directory, id) = call.path.split_at(UPLOADS.len().min(call.path.len()));
    let Some(id) = Id::parse(id) else { return refusal(StatusCode::NOT_FOUND, "NoSuchKey") };
    match (directory, call.method) {
        (UPLOADS, &Method::PUT) => upload(shared, call, id),
        (RESULTS, &Method::GET) => download(shared, call, id),
        _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    }
}

/// Whether the URL is ours and still valid: at its end itself it is gone.
fn is_signed(shared: &Shared, call: &Call<'_>) -> bool {
    let query = call.query();
    let Some(expires) = query.get("expires").and_then(|text| text.parse::<i64>().ok()) else {
        return false;
    };
    let given: Option<Vec<u8>> = query.get("signature").and_then(|hex| {
        let digits: Option<Vec<_>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
        let pairs = digits?;
        let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair.get(1)?).ok();
        pairs.chunks(2).map(byte).collect()
    });
    let (Some(given), Some(mac)) = (given, mac(shared, call.path, expires)) else { return false };
    mac.verify_slice(&given).is_ok() && call.now < Instant::from_millis(expires)
}

fn upload(shared: &Shared, call: &Call<'_>, id: Id) -> Reply {
    let mut world = shared.world();
    if world.quirks.upload_expired || call.header("content-type") != Some("text/csv") {
        return refusal(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
    }
    let Some(file) = world.bulk.file(id).filter(|file| !file.used) else {
        return refusal(StatusCode::NOT_FOUND, "NoSuchKey");
    };
    file.content = Some(call.body.clone());
    text(StatusCode::OK, "")
}

fn download(shared: &Shared, call: &Call<'_>, id: Id) -> Reply {
    let world = shared.world();
    let Some(job) = world.bulk.job(id) else {
        return refusal(StatusCode::NOT_FOUND, "NoSuchKey");
    };
    let name = if world.quirks.hostile_file_name {
        "../../../tmp/evil.json".to_owned()
    } else {
        format!("messages_bulk-{}.json", job.done_at.compact())
    };
    let file = sms::result_file(shared, job, &world, call.now);
    let mut reply = json(StatusCode::OK, file);
    let disposition = format!("attachment;filename=\"{name}\";filename*=UTF-8''{name}");
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        reply.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    reply
}

fn refusal(status: StatusCode, code: &str) -> Reply {
    let body =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code></Error>");
    reply(status, "application/xml", body)
}
