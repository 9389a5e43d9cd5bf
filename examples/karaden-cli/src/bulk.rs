//! `karaden bulk`: uploads a file, starts it, waits, and saves the result.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use karaden_client::{
    PollPolicy, SendError, Waited,
    sms::{self, BulkResolution, BulkResult, BulkSendOutcome, Client, UploadedFile},
};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::{
    ending::{self, Ending},
    show::Show,
};

/// The steps that the progress bar counts.
const STEPS: u64 = 5;

pub(crate) async fn run(client: &Client, file: &Path, out: &Path, show: Show) -> Result<Ending> {
    let csv = tokio::fs::read(file).await.with_context(|| format!("{}", file.display()))?;
    // Before anything is sent, because afterwards the result would be lost.
    check_folder(out).await.with_context(|| format!("--out {}", out.display()))?;
    let bar = bar();
    bar.set_message("getting an upload address");
    let address = client.create_bulk_file().await?;
    step(&bar, "uploading");
    let uploaded = client.upload_bulk(address, csv).await?;
    step(&bar, "starting");
    let Some(started) = start(client, uploaded, &bar).await? else {
        bar.finish_and_clear();
        let human = "started, but its id is lost: see `karaden list`";
        show.line(&json!({"id": null, "outcome": "accepted"}), human);
        return Ok(Ending::Accepted);
    };
    let line = json!({"id": started.id.as_str(), "outcome": "accepted"});
    bar.suspend(|| show.line(&line, &format!("{}  accepted", started.id)));
    ending::after_acceptance(finish(client, &started.id, out, &bar, show).await)
}

/// Waits for a bulk send that was started, and saves its result.
async fn finish(
    client: &Client,
    id: &sms::BulkId,
    out: &Path,
    bar: &ProgressBar,
    show: Show,
) -> Result<Ending> {
    step(bar, "sending");
    // The vendor's SDKs allow 10 to 60 s.
    let policy =
        PollPolicy::bulk().with_intervals(Duration::from_secs(10), Duration::from_secs(60));
    let Waited::Final(done) = client.wait_for_bulk(id, &policy).await? else {
        bail!("bulk send {id} is not done after half an hour");
    };
    step(bar, "fetching the result");
    let result = client.download_bulk(&done.id, &policy).await?;
    let path = save(&result, done.id.as_str(), out).await.context("the result file")?;
    bar.inc(1);
    bar.finish_and_clear();

    let rows = result.rows().with_context(|| format!("{}", path.display()))?;
    let failed = rows.iter().filter(|row| row.error.is_some()).count();
    let summary = json!({
        "id": done.id.as_str(), "rows": rows.len(), "failed": failed,
        "file": path.display().to_string(),
    });
    let human = format!("{}  {} rows, {failed} failed  {}", done.id, rows.len(), path.display());
    show.line(&summary, &human);
    Ok(match (failed, rows.len()) {
        (0, _) => Ending::Done,
        (failed, all) if failed == all => Ending::Refused,
        _ => Ending::Accepted,
    })
}

fn step(bar: &ProgressBar, what: &'static str) {
    bar.inc(1);
    bar.set_message(what);
}

/// Checks that a file can be made in the folder.
async fn check_folder(folder: &Path) -> Result<()> {
    let probe = folder.join(format!(".karaden-{}.part", std::process::id()));
    new_file(&probe).await?;
    tokio::fs::remove_file(&probe).await?;
    Ok(())
}

async fn new_file(path: &Path) -> std::io::Result<tokio::fs::File> {
    tokio::fs::OpenOptions::new().write(true).create_new(true).open(path).await
}

/// Makes a progress bar. It is hidden if standard error is not a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(STEPS);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Starts the file once. Returns `None` if it was started but the response with its id is lost.
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
            bar.set_message("the outcome is unknown; looking it up");
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

/// Saves the result under Karaden's name if it is safe and free, else under the id. Never overwrites a file.
async fn save(result: &BulkResult, id: &str, folder: &Path) -> Result<PathBuf> {
    let given = result.file_name().map(|name| name.as_str().to_owned());
    let own = [String::new()].into_iter().chain((2..100).map(|at| format!("-{at}")));
    let own = own.map(|at| format!("messages_bulk-{id}{at}.json"));
    for name in given.into_iter().chain(own) {
        let path = folder.join(name);
        match new_file(&path).await {
            Ok(mut file) => {
                file.write_all(result.bytes()).await?;
                file.flush().await?;
                return Ok(path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("{}", path.display())),
        }
    }
    bail!("there are too many result files of this bulk send in {}", folder.display())
}
