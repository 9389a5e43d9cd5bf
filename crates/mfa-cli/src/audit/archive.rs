//! Moving sealed segments out of the database.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use auth_module::{
    AuditArchive, AuditId, AuditRecord, ChainKey, ChainVerifier, ChainedRecord, SealRule, Segment,
};
use mfa_gateway::time::{Clock as _, SystemClock};
use mfa_pages::Language;

use super::{
    record,
    trail::{PAGE, note},
};
use crate::{language::Message, output::tell};

/// Writes each sealed segment to a file of its own in `folder`, reads it back, and removes its records from the
/// database.
pub(super) async fn run(
    trail: &dyn AuditArchive,
    key: &ChainKey,
    folder: &Path,
    seal: bool,
    language: Language,
) -> anyhow::Result<()> {
    if seal {
        trail.seal(SealRule::Any, SystemClock.now()).await?;
    }
    let segments = trail.segments().await?;
    let mut before: Vec<Segment> = Vec::new();
    for segment in segments {
        if !segment.is_removed {
            archive(trail, key, folder, &before, &segment, language).await?;
        }
        before.push(Segment { is_removed: true, ..segment });
    }
    Ok(())
}

async fn archive(
    trail: &dyn AuditArchive,
    key: &ChainKey,
    folder: &Path,
    before: &[Segment],
    segment: &Segment,
    language: Language,
) -> anyhow::Result<()> {
    let file = file_of(folder, segment);
    write(trail, &file, segment)
        .await
        .with_context(|| format!("cannot write {}", file.display()))?;
    // What was removed cannot be checked again, so the copy is checked first.
    let mut verifier = ChainVerifier::new(key, before, &[])?;
    let mut records = 0;
    for chained in read(&file)? {
        verifier
            .check(&chained?)
            .context("the audit trail was tampered with; nothing was removed")?;
        records += 1;
    }
    ensure!(records == segment.records, "{} is incomplete; nothing was removed", file.display());
    let now = SystemClock.now();
    let removed = AuditRecord::new("audit.segment_removed", now);
    note(trail, removed.with("segment", segment.number.to_string())).await?;
    trail.remove(segment, now).await?;
    let (number, file) = (segment.number, file.display());
    let moved = Message::new(
        format!("segment {number}: {records} records moved to {file}"),
        format!("区切り{number}：{records}件の記録を{file}に移しました"),
    );
    tell(&moved, language)
}

/// Returns the file of a segment.
pub(super) fn file_of(folder: &Path, segment: &Segment) -> PathBuf {
    folder.join(format!("audit-{}-{:06}.jsonl", segment.node, segment.number))
}

async fn write(trail: &dyn AuditArchive, file: &Path, segment: &Segment) -> anyhow::Result<()> {
    // A file from an attempt that was interrupted is written again: its records are still in the database.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    // The mode above is that of a new file.
    file.set_permissions(Permissions::from_mode(0o600))?;
    let mut out = BufWriter::new(file);
    let mut after = Some(AuditId(segment.first.0 - 1));
    loop {
        let page = trail.page(after, PAGE).await?;
        let of_segment = page.iter().take_while(|chained| chained.record.id <= segment.last);
        let mut count = 0;
        for chained in of_segment {
            writeln!(out, "{}", record::to_json(&chained.record, Some(chained)))?;
            after = Some(chained.record.id);
            count += 1;
        }
        if count < PAGE {
            break;
        }
    }
    out.into_inner()?.sync_all()?;
    Ok(())
}

/// Reads the records of an archived segment.
pub(super) fn read(
    file: &Path,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<ChainedRecord>> + use<>> {
    let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = file.display().to_string();
    Ok(BufReader::new(open).lines().zip(1..).map(move |(line, number): (_, u64)| {
        record::from_json(&line?).with_context(|| format!("{name}:{number}"))
    }))
}
