//! Bulk sending: upload URL, start, state, result file. From version 2024-03-01.
//!
//! The format of the file is not public. Our choice is CSV in UTF-8. The columns are inferred from the fields of
//! a message: `service_id`, `to`, `body`, `tags`, `is_shorten`, `limited_at`. `tags` has one tag. Other columns
//! are ignored, also `scheduled_at`. If one of the first three is missing, the job ends as `error`.

use http::{
    StatusCode,
    header::{HeaderValue, LOCATION},
};
use serde::Serialize;

use super::{
    caller::Caller,
    error::{ErrorObject, Failure, Problems},
    field::Field,
    send, wire,
};
use crate::{
    body::{Reply, empty, json_of},
    config::Quirks,
    id::Id,
    request::{Call, Form},
    shared::Shared,
    signed_url,
    time::{Instant, Iso, parse_date_time},
    version::ApiVersion,
    world::{BulkJob, BulkStatus, Refused, Row, URL_LIFETIME, World},
};

/// Maximum count of rows in a file.
const MAX_ROWS: usize = 10_000;

#[derive(Serialize)]
struct FileObject {
    id: Id,
    object: &'static str,
    url: String,
    created_at: Iso,
    expires_at: Iso,
}

#[derive(Serialize)]
struct JobObject<'a> {
    id: Id,
    object: &'static str,
    status: BulkStatus,
    #[serde(skip_serializing_if = "Field::is_omitted")]
    error: Field<ErrorObject<'a>>,
    created_at: Iso,
    updated_at: Iso,
}

/// `POST /messages/bulks/files`.
pub(super) fn create_file(
    shared: &Shared,
    call: &Call<'_>,
    caller: &Caller<'_>,
) -> Result<Reply, Failure> {
    check_permitted(caller)?;
    let mut world = shared.world();
    let file = world.bulk.add_file(caller.owner, call.now);
    let expires_at = file.created_at.plus(URL_LIFETIME);
    let object = FileObject {
        id: file.id,
        object: "bulk_file",
        url: signed_url::upload_url(shared, call, file.id, expires_at),
        created_at: file.created_at.iso(),
        expires_at: expires_at.iso(),
    };
    Ok(json_of(StatusCode::OK, &object))
}

/// `POST /messages/bulks`.
pub(super) fn start(
    shared: &Shared,
    call: &Call<'_>,
    caller: &Caller<'_>,
) -> Result<Reply, Failure> {
    check_permitted(caller)?;
    let form = call.form();
    let Some(id) = form.filled("bulk_file_id") else {
        return Err(invalid_file("bulk_file_idは必ず指定してください。"));
    };
    let mut world = shared.world();
    let file = Id::parse(id).and_then(|id| world.bulk.file(id));
    let file = file.filter(|file| file.owner == caller.owner).ok_or_else(Failure::not_found)?;
    if std::mem::replace(&mut file.used, true) {
        return Err(Failure::file_already_used());
    }
    // Taken, not copied: the memory of the file is freed at the end of this function.
    let content = file.content.take();
    let done_at = call.now.plus(world.delivery.bulk_after);
    let rows = match &content {
        None => Err(invalid_file("ファイルがアップロードされていません。").into_rejection()),
        Some(content) => read_rows(&mut world, content, caller, call.now, done_at)
            .map_err(Failure::into_rejection),
    };
    let job = BulkJob {
        id: world.bulk.fresh_id(),
        owner: caller.owner,
        created_at: call.now,
        processing_at: call.now.plus(world.delivery.bulk_after / 2),
        done_at,
        rows,
    };
    let quirks = world.quirks.clone();
    let job = world.bulk.add_job(job);
    // Waiting, even if the simulator finishes the job at once.
    let reply = job_reply(job, BulkStatus::Waiting, job.created_at, &quirks);
    shared.release_and_notify(world);
    Ok(reply)
}

/// `GET /messages/bulks/{bulk_message_id}`.
pub(super) fn get(
    shared: &Shared,
    call: &Call<'_>,
    caller: &Caller<'_>,
    id: &str,
) -> Result<Reply, Failure> {
    check_permitted(caller)?;
    let world = shared.world();
    let job = find_job(&world, caller, id)?;
    Ok(job_reply(job, job.status(call.now), job.updated_at(call.now), &world.quirks))
}

/// `GET /messages/bulks/{bulk_message_id}/messages`: 302 to the file, or 202 while there is none. A
/// job that ended as `error` never has one.
pub(super) fn get_result(
    shared: &Shared,
    call: &Call<'_>,
    caller: &Caller<'_>,
    id: &str,
) -> Result<Reply, Failure> {
    check_permitted(caller)?;
    let world = shared.world();
    let job = find_job(&world, caller, id)?;
    if job.status(call.now) != BulkStatus::Done || world.quirks.bulk_never_ready {
        return Ok(empty(StatusCode::ACCEPTED));
    }
    let url = signed_url::download_url(shared, call, job.id, call.now.plus(URL_LIFETIME));
    let location = HeaderValue::try_from(url)
        .map_err(|_| Failure::unknown(StatusCode::INTERNAL_SERVER_ERROR))?;
    let mut reply = empty(StatusCode::FOUND);
    reply.headers_mut().insert(LOCATION, location);
    Ok(reply)
}

/// Writes the result file: one message object per row, in the order of the rows, with CR LF. Messages
/// that the history no longer has are omitted.
pub(crate) fn result_file(shared: &Shared, job: &BulkJob, world: &World, now: Instant) -> String {
    let Some(project) = shared.config.projects.get(usize::from(job.owner.index)) else {
        return String::new();
    };
    let caller = Caller { owner: job.owner, project, version: ApiVersion::V20240301 };
    let view = wire::View::new(&caller, world.quirks.absent, now);
    let object = |row| match row {
        &Row::Accepted(sequence) => world.history.at(sequence).map(|message| view.object(message)),
        Row::Refused(refused) => Some(view.refused(refused, job.created_at, &world.quirks)),
    };
    let rows = job.rows.as_deref().unwrap_or_default().iter().filter_map(object);
    let lines: Vec<String> = rows.filter_map(|row| serde_json::to_string(&row).ok()).collect();
    if lines.is_empty() {
        return "[\r\n]\r\n".to_owned();
    }
    format!("[\r\n{}\r\n]\r\n", lines.join(",\r\n"))
}

/// Checks that the version and the plan of the project include bulk sending.
fn check_permitted(caller: &Caller<'_>) -> Result<(), Failure> {
    if !caller.version.has_bulk() {
        return Err(Failure::not_found());
    }
    if caller.project.bulk { Ok(()) } else { Err(Failure::for_status(StatusCode::FORBIDDEN)) }
}

fn find_job<'a>(world: &'a World, caller: &Caller<'_>, id: &str) -> Result<&'a BulkJob, Failure> {
    Id::parse(id)
        .and_then(|id| world.bulk.job(id))
        .filter(|job| job.owner == caller.owner)
        .ok_or_else(Failure::not_found)
}

fn read_rows(
    world: &mut World,
    content: &[u8],
    caller: &Caller<'_>,
    now: Instant,
    not_before: Instant,
) -> Result<Vec<Row>, Failure> {
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    let mut reader = csv::ReaderBuilder::new().from_reader(content);
    let not_csv = |_| invalid_file("ファイルを読み取れません。");
    let header = reader.headers().map_err(not_csv)?.clone();
    if ["service_id", "to", "body"].iter().any(|name| !header.iter().any(|column| column == *name))
    {
        return Err(invalid_file("service_id、to、bodyの列が必要です。"));
    }
    let records: Vec<csv::StringRecord> =
        reader.records().take(MAX_ROWS + 1).collect::<Result<_, _>>().map_err(not_csv)?;
    if records.is_empty() || records.len() > MAX_ROWS {
        return Err(invalid_file("行数は1から10000までです。"));
    }
    Ok(records
        .iter()
        .map(|record| read_row(world, &header, record, caller, now, not_before))
        .collect())
}

fn read_row(
    world: &mut World,
    header: &csv::StringRecord,
    record: &csv::StringRecord,
    caller: &Caller<'_>,
    now: Instant,
    not_before: Instant,
) -> Row {
    let cells = header.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
    let form = Form::from_pairs(
        cells.filter_map(|(column, cell)| field_of(column).map(|field| (field, cell))),
    );
    match send::read(&form, caller, now) {
        Ok(mut request) => {
            request.not_before = Some(not_before);
            Row::Accepted(world.accept(request, now).sequence)
        }
        Err(failure) => Row::Refused(Refused {
            id: world.bulk.fresh_id(),
            service_id: form.get("service_id").and_then(|id| id.parse().ok()).unwrap_or_default(),
            to: form.get("to").unwrap_or_default().into(),
            body: form.get("body").unwrap_or_default().into(),
            tags: form.array("tags").map(Box::from).collect(),
            is_shorten: send::is_shorten(&form, caller).unwrap_or(false),
            limited_at: form.filled("limited_at").and_then(parse_date_time),
            rejection: failure.into_rejection(),
        }),
    }
}

/// Returns the field of a single send that a column has. `None` for a column that is ignored.
fn field_of(column: &str) -> Option<&'static str> {
    Some(match column {
        "service_id" => "service_id",
        "to" => "to",
        "body" => "body",
        "tags" => "tags[]",
        "is_shorten" => "is_shorten",
        "limited_at" => "limited_at",
        _ => return None,
    })
}

/// Makes a validation error about the file.
fn invalid_file(text: &str) -> Failure {
    let mut problems = Problems::default();
    problems.add("bulk_file_id", text);
    problems.into()
}

fn job_reply(job: &BulkJob, status: BulkStatus, updated_at: Instant, quirks: &Quirks) -> Reply {
    let error = job.rows.as_ref().err().filter(|_| status == BulkStatus::Error);
    let error = error.map(|rejection| ErrorObject::new(rejection, quirks));
    let object = JobObject {
        id: job.id,
        object: "bulk_message",
        status,
        error: Field::new(error, quirks.absent),
        created_at: job.created_at.iso(),
        updated_at: updated_at.iso(),
    };
    json_of(StatusCode::OK, &object)
}
