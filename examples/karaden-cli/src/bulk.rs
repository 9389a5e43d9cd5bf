//! `karaden bulk`: upload, start, wait, save the result.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use karaden_client::sms::{BulkResolution, BulkResult, BulkSendOutcome, Client, UploadedFile};
use karaden_client::{PollPolicy, SendError, Waited, sms};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::ending::Ending;
use crate::show::Show;

/// The steps that the progress bar counts.
const STEPS: u64 = 5;

pub(crate) async fn run(client: &Client, file: &Path, out: &Path, show: Show) -> Result<Ending> {
    let csv = tokio::fs::read(file).await.with_context(|| format!("{}", file.display()))?;
    let bar = bar();
    let step = |what: &'static str| {
        bar.inc(1);
        bar.set_message(what);
    };

    bar.set_message("asking for an address");
    let address = client.create_bulk_file().await?;
    step("uploading");
    let uploaded = client.upload_bulk(address, csv).await?;
    step("starting");
    let Some(started) = start(client, uploaded, &bar).await? else {
        bar.abandon_with_message("started, but its id is lost: see `karaden list`");
        return Ok(Ending::Unknown);
    };
    step("sending");
    let policy = PollPolicy::bulk().with_intervals(Duration::from_secs(1), Duration::from_secs(20));
    let Waited::Final(done) = client.wait_for_bulk(&started.id, &policy).await? else {
        bail!("bulk send {} is not done after half an hour", started.id);
    };
    step("fetching the result");
    let result = client.download_bulk(&done.id, &policy).await?;
    let path = save(&result, done.id.as_str(), out).await?;
    bar.inc(1);
    bar.finish_and_clear();

    let rows = result.rows()?;
    let failed = rows.iter().filter(|row| row.error.is_some()).count();
    let summary = json!({
        "id": done.id.as_str(), "rows": rows.len(), "failed": failed,
        "file": path.display().to_string(),
    });
    let human = format!("{}  {} rows, {failed} failed  {}", done.id, rows.len(), path.display());
    show.line(&summary, &human);
    Ok(if failed == 0 { Ending::Done } else { Ending::Refused })
}

/// A bar on the terminal; hidden when standard error is none.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(STEPS);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Starts the file once; `None` if it was started but the answer with its id is lost.
async fn start(
    client: &Client,
    uploaded: UploadedFile,
    bar: &ProgressBar,
) -> Result<Option<sms::BulkMessage>> {
    match client.start_bulk(uploaded).await {
        Ok(BulkSendOutcome::Accepted(bulk)) => Ok(Some(bulk)),
        Ok(BulkSendOutcome::Refused(refusal)) => Err(refusal.into_error().into()),
        Err(error @ SendError::NotSent(_)) => Err(error.into_error().into()),
        Err(SendError::Unknown(unknown)) => {
            bar.set_message("no clear answer; finding out");
            match unknown.resolve(client).await {
                BulkResolution::Started(bulk) => Ok(Some(bulk)),
                BulkResolution::AlreadyStarted => Ok(None),
                BulkResolution::Refused(error) => Err(error.into()),
                BulkResolution::Unknown(unknown) => {
                    Err(SendError::Unknown(unknown).into_error().into())
                }
            }
        }
    }
}

/// Saves the result under Karaden's name if that is safe, else under the id; never over a file.
async fn save(result: &BulkResult, id: &str, folder: &Path) -> Result<PathBuf> {
    let fallback = format!("messages_bulk-{id}.json");
    let name = result.file_name().map_or(fallback.as_str(), sms::FileName::as_str);
    let path = folder.join(name);
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .open(&path)
        .await
        .with_context(|| format!("{}", path.display()))?;
    file.write_all(result.bytes()).await?;
    file.flush().await?;
    Ok(path)
}
