//! `mfa-gateway audit …`.

mod archive;
mod record;
mod trail;

use std::{collections::HashMap, io::Write as _, path::Path, time::SystemTime};

use anyhow::bail;
use auth_module::{
    AuditArchive, AuditQuery, AuditRecord, ChainBreak, ChainHead, ChainKey, ChainReport,
    ChainVerifier, LoginName, Segment, StoredAuditRecord, UserId, Users,
};
use mfa_gateway::{
    assemble::{chain_key, open_audit, open_database},
    config::Config,
    time::{Clock as _, SystemClock},
};
use mfa_pages::Language;

use self::trail::{Pages, note};
use crate::{
    cli::{AuditCommand, ExportFormat, WhichRecords},
    language::Message,
    output::{print, tell},
};

/// Runs one of the commands.
pub(crate) async fn run(command: &AuditCommand, language: Language) -> anyhow::Result<()> {
    let config = match command {
        AuditCommand::Archive { config, .. }
        | AuditCommand::Export { config, .. }
        | AuditCommand::List { config, .. }
        | AuditCommand::Verify { config, .. } => Config::load(&config.config)?,
    };
    let database = open_database(&config.gateway.data_dir).await?;
    let (trail, key) = (open_audit(&config, &database), chain_key(&config));
    let (trail, users) = (trail.as_ref(), database.users());
    match command {
        AuditCommand::Archive { to, seal, .. } => {
            archive::run(trail, &key, to, *seal, language).await
        }
        AuditCommand::Export { format, which, .. } => export(&users, trail, *format, which).await,
        AuditCommand::List { limit, json, which, .. } => {
            list(&users, trail, *limit, *json, which, language).await
        }
        AuditCommand::Verify { archive, heads, .. } => {
            verify(trail, &key, archive.as_deref(), heads, language).await
        }
    }
}

/// Makes the query of the options. A user who does not exist any more is named by id.
async fn query(
    users: &dyn Users,
    trail: &dyn AuditArchive,
    limit: usize,
    which: &WhichRecords,
) -> anyhow::Result<AuditQuery> {
    let mut query = AuditQuery::new(limit);
    if let Some(name) = &which.user {
        let user = match LoginName::parse(name) {
            Ok(parsed) => users.find_by_name(&parsed).await?.map(|user| user.id),
            Err(_) => None,
        };
        query.user_id = user.clone().or_else(|| UserId::parse(name));
        let mut any = AuditQuery::new(1);
        any.user_id.clone_from(&query.user_id);
        if user.is_none() && (query.user_id.is_none() || trail.search(&any).await?.is_empty()) {
            bail!(Message::new(
                format!("there is no user {name}, and no record about a user with this id"),
                format!("{name}というユーザーも、このIDのユーザーの記録もありません"),
            ));
        }
    }
    query.event.clone_from(&which.event);
    query.from = which.from.map(SystemTime::from);
    query.until = which.until.map(SystemTime::from);
    Ok(query)
}

async fn list(
    users: &dyn Users,
    trail: &dyn AuditArchive,
    limit: usize,
    json: bool,
    which: &WhichRecords,
    language: Language,
) -> anyhow::Result<()> {
    let query = query(users, trail, limit, which).await?;
    let records = trail.search(&query).await?;
    if json {
        let lines: Vec<String> = records.iter().map(|r| record::to_json(r, None) + "\n").collect();
        return print(&lines.concat());
    }
    let mut names = Names { users, known: HashMap::new() };
    let mut text = record::line(match language {
        Language::En => ["TIME", "EVENT", "USER", "CLIENT", "BY", "DETAILS"],
        Language::Ja => ["日時", "出来事", "ユーザー", "接続元", "操作者", "詳細"],
    });
    for found in &records {
        text.push_str(&record::to_line(found, &names.of_user(found).await?));
    }
    print(&text)
}

/// The login names of users.
struct Names<'u> {
    users: &'u dyn Users,
    known: HashMap<UserId, String>,
}

impl Names<'_> {
    /// Returns the name of the record's user: the id if the user was removed, `-` without a user.
    async fn of_user(&mut self, record: &StoredAuditRecord) -> anyhow::Result<String> {
        let Some(id) = &record.user_id else { return Ok("-".to_owned()) };
        if let Some(name) = self.known.get(id) {
            return Ok(name.clone());
        }
        let user = self.users.find_by_id(id).await?;
        let name = user.map_or_else(|| id.to_string(), |user| user.login_name.to_string());
        self.known.insert(id.clone(), name.clone());
        Ok(name)
    }
}

async fn export(
    users: &dyn Users,
    trail: &dyn AuditArchive,
    format: ExportFormat,
    which: &WhichRecords,
) -> anyhow::Result<()> {
    let query = query(users, trail, usize::MAX, which).await?;
    // Before the first line, so that nobody exports without a record.
    note(trail, AuditRecord::new("audit.exported", SystemClock.now())).await?;
    let mut out = std::io::stdout().lock();
    if format == ExportFormat::Csv {
        out.write_all(record::CSV_HEADER.as_bytes())?;
    }
    let mut pages = Pages::of(trail, trail.last_id().await?);
    while let Some(page) = pages.next().await? {
        for chained in page.iter().filter(|chained| query.matches(&chained.record)) {
            match format {
                ExportFormat::Csv => record::write_csv(&mut out, chained)?,
                ExportFormat::Jsonl => {
                    writeln!(out, "{}", record::to_json(&chained.record, Some(chained)))?;
                }
            }
        }
    }
    Ok(out.flush()?)
}

async fn verify(
    trail: &dyn AuditArchive,
    key: &ChainKey,
    archive: Option<&Path>,
    heads: &[ChainHead],
    language: Language,
) -> anyhow::Result<()> {
    // Read first: records are added while this command runs.
    let (last, mut segments) = (trail.last_id().await?, trail.segments().await?);
    let mut files = Vec::new();
    for segment in segments.iter_mut().filter(|segment| segment.is_removed) {
        match archive {
            Some(folder) => {
                files.push(archive::file_of(folder, segment));
                segment.is_removed = false;
            }
            None => tell(&archived(segment), language)?,
        }
    }
    let mut verifier = ChainVerifier::new(key, &segments, heads).map_err(tampered)?;
    for file in files {
        for chained in archive::read(&file)? {
            verifier.check(&chained?).map_err(tampered)?;
        }
    }
    let mut pages = Pages::of(trail, last);
    while let Some(page) = pages.next().await? {
        page.iter().try_for_each(|chained| verifier.check(chained)).map_err(tampered)?;
    }
    report(verifier.finish(last).map_err(tampered)?, language)
}

fn archived(segment: &Segment) -> Message {
    let (number, first, last) = (segment.number, segment.first.0, segment.last.0);
    Message::new(
        format!(
            "segment {number}: records {first} to {last} are archived; check them with --archive"
        ),
        format!(
            "区切り{number}：記録{first}から{last}は別の場所にあります。--archiveで確認してください"
        ),
    )
}

fn tampered(broken: ChainBreak) -> anyhow::Error {
    let message = Message::new(
        format!("the audit trail was tampered with: {broken}"),
        format!("監査記録が改ざんされています（{broken}）"),
    );
    message.into()
}

fn report(report: ChainReport, language: Language) -> anyhow::Result<()> {
    if report.unchained > 0 {
        let count = report.unchained;
        let old = Message::new(
            format!("{count} records are older than the chain and cannot be checked"),
            format!("{count}件の記録は連鎖より古いため、確認できません"),
        );
        tell(&old, language)?;
    }
    let count = report.chained;
    let (head, head_ja) = report.head.map_or_else(Default::default, |head| {
        (format!("; head {head}"), format!("（末尾：{head}）"))
    });
    let unchanged = Message::new(
        format!("{count} records are as they were written{head}"),
        format!("{count}件の記録は、書き込まれたときのままです{head_ja}"),
    );
    tell(&unchanged, language)
}
