//! The storage for the files of bulk sends, reached by signed URLs.
//!
//! As in S3, the signature is the only credential. A request that also has an `Authorization`
//! header is rejected: this exposes a client that leaks its token to the storage.

use http::{
    StatusCode,
    header::{CONTENT_DISPOSITION, HeaderValue},
};

use crate::{
    body::{Reply, json, reply, text, whole},
    id::Id,
    operation::Operation,
    request::Call,
    shared::Shared,
    signed_url::{RESULTS, UPLOADS, is_signed},
    sms,
};

/// Maximum size of an uploaded file.
pub(crate) const MAX_UPLOAD_BYTES: usize = 16 * 1024 * 1024;

/// Returns the call of a path.
pub(crate) fn operation(path: &str) -> Option<Operation> {
    if path.starts_with(UPLOADS) {
        Some(Operation::Upload)
    } else if path.starts_with(RESULTS) {
        Some(Operation::Download)
    } else {
        None
    }
}

/// Handles a request to the storage.
pub(crate) fn handle(shared: &Shared, call: &Call<'_>) -> Reply {
    if call.headers.contains_key(http::header::AUTHORIZATION) {
        return refusal(StatusCode::BAD_REQUEST, "InvalidArgument");
    }
    if !is_signed(shared, call) {
        return refusal(StatusCode::FORBIDDEN, "AccessDenied");
    }
    let (directory, id) = call.path.split_at(UPLOADS.len().min(call.path.len()));
    let Some(id) = Id::parse(id) else { return refusal(StatusCode::NOT_FOUND, "NoSuchKey") };
    if directory == UPLOADS { upload(shared, call, id) } else { download(shared, call, id) }
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

/// Makes an error in the form of S3.
pub(crate) fn refusal(status: StatusCode, code: &str) -> Reply {
    let body =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code></Error>");
    reply(status, "application/xml", whole(body))
}
