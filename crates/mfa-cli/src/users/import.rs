//! `user import`.

use std::path::Path;

use anyhow::{Context as _, bail};
use auth_module::{AuthModule, ImportFormat};
use mfa_gateway::time::{Clock as _, SystemClock, SystemRandomness};

use crate::output::print;

pub(super) async fn import(auth: &AuthModule, file: &Path, actor: &str) -> anyhow::Result<()> {
    let format = match file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => ImportFormat::Csv,
        Some("jsonl" | "ndjson") => ImportFormat::JsonLines,
        _ => bail!("{}: the name has to end in .csv or .jsonl", file.display()),
    };
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    match auth.import_users(bytes, format, actor, &SystemRandomness, SystemClock.now()).await? {
        Ok(count) => print(&format!("imported {count} users\n")),
        Err(problems) => {
            let lines: Vec<String> =
                problems.iter().map(|problem| format!("{}:{problem}", file.display())).collect();
            bail!(
                "{}\nno user was imported; fix these {} rows and try again",
                lines.join("\n"),
                lines.len()
            )
        }
    }
}
