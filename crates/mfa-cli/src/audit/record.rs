//! How an audit record is shown, exported and read back.

use std::{collections::BTreeMap, io::Write, net::IpAddr, time::SystemTime};

use anyhow::Context as _;
use auth_module::{AuditId, ChainHash, ChainedRecord, StoredAuditRecord, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The columns of a CSV file.
pub(crate) const CSV_HEADER: &str = "id,at,event,user_id,actor,client,flow,fields,node,hash\n";

/// A record in an export: one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'r> {
    id: u64,
    at: String,
    event: String,
    user_id: Option<String>,
    actor: Option<String>,
    client: Option<IpAddr>,
    flow: Option<String>,
    fields: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<std::borrow::Cow<'r, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

impl<'r> Line<'r> {
    fn new(record: &StoredAuditRecord, chained: Option<&'r ChainedRecord>) -> Self {
        Self {
            id: record.id.0,
            at: time(record.at),
            event: record.event.clone(),
            user_id: record.user_id.as_ref().map(ToString::to_string),
            actor: record.actor.clone(),
            client: record.client,
            flow: record.flow.clone(),
            fields: record.fields.clone(),
            node: chained.map(|chained| chained.node.as_str().into()),
            hash: chained.and_then(|chained| chained.hash).map(|hash| hash.to_string()),
        }
    }
}

/// Returns one line of JSON, with its place in the chain if that is given.
pub(crate) fn to_json(record: &StoredAuditRecord, chained: Option<&ChainedRecord>) -> String {
    serde_json::to_string(&Line::new(record, chained)).expect("texts and numbers are JSON")
}

/// Reads a line that [`to_json`] made.
pub(crate) fn from_json(line: &str) -> anyhow::Result<ChainedRecord> {
    let line: Line<'_> = serde_json::from_str(line).context("not a line of an export")?;
    let at: Timestamp = line.at.parse().context("not an instant")?;
    let hash: Option<ChainHash> = line.hash.map(|hash| hash.parse()).transpose()?;
    let mut record = StoredAuditRecord::new(AuditId(line.id), at.into(), line.event);
    record.user_id = line.user_id.as_deref().and_then(UserId::parse);
    record.actor = line.actor;
    record.client = line.client;
    record.flow = line.flow;
    record.fields = line.fields;
    Ok(ChainedRecord::new(record, line.node.unwrap_or_default().into_owned(), hash))
}

/// Writes one row of CSV.
pub(crate) fn write_csv(out: &mut dyn Write, chained: &ChainedRecord) -> anyhow::Result<()> {
    let line = Line::new(&chained.record, Some(chained));
    let client = line.client.map(|client| client.to_string());
    let mut row = csv::Writer::from_writer(out);
    row.write_record([
        line.id.to_string(),
        line.at,
        line.event,
        line.user_id.unwrap_or_default(),
        as_text(line.actor.unwrap_or_default()),
        client.unwrap_or_default(),
        line.flow.unwrap_or_default(),
        serde_json::to_string(&line.fields)?,
        line.node.unwrap_or_default().into_owned(),
        line.hash.unwrap_or_default(),
    ])?;
    Ok(row.flush()?)
}

/// A spreadsheet runs a cell that begins like a formula.
fn as_text(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

/// Returns an instant as RFC 3339 in UTC, with milliseconds.
pub(crate) fn time(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "-".to_owned(), |at| format!("{at:.3}"))
}

/// Returns one line of the table.
pub(crate) fn line(columns: [&str; 6]) -> String {
    let [time, event, user, client, by, details] = columns;
    let line = format!("{time:<24}  {event:<28}  {user:<20}  {client:<24}  {by:<16}  {details}");
    format!("{}\n", line.trim_end())
}

pub(crate) fn to_line(record: &StoredAuditRecord, user: &str) -> String {
    let client = record.client.map_or_else(|| "-".to_owned(), |client| client.to_string());
    let details: Vec<String> =
        record.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    line([
        &time(record.at),
        &record.event,
        user,
        &client,
        record.actor.as_deref().unwrap_or("-"),
        &details.join(" "),
    ])
}
