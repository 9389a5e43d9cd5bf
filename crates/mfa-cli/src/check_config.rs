//! `mfa-gateway check-config`.

use std::{io::Write as _, path::Path};

use anyhow::bail;
use mfa_gateway::{
    builder::GatewayBuilder,
    config::{Config, built_in_texts},
};
use mfa_pages::Language;

use crate::{cli::CheckConfigArgs, language::Message, output::print};

/// Runs the command. Returns whether the file is accepted.
pub(crate) fn run(args: &CheckConfigArgs, language: Language) -> anyhow::Result<bool> {
    let reference = Config::reference();
    if let Some(texts) = args.texts {
        print(built_in_texts(texts.language().tag()).unwrap_or_default())?;
        return Ok(true);
    }
    match (args.explain.as_deref(), &args.config) {
        (Some(""), _) => print(&reference.overview(language))?,
        (Some(key), _) => print(&reference.explain(key, language)?)?,
        (None, Some(file)) => return check(file, args.strict, language),
        (None, None) => bail!(Message::new(
            "name a file with --config",
            "--configで設定ファイルを指定してください",
        )),
    }
    Ok(true)
}

fn check(file: &Path, is_strict: bool, language: Language) -> anyhow::Result<bool> {
    let config = Config::load(file)?;
    GatewayBuilder::new(&config).check()?;
    let warnings = &config.warnings;
    if !warnings.is_empty() {
        writeln!(std::io::stderr(), "{}", warnings.in_language(language))?;
    }
    if is_strict && !warnings.is_empty() {
        let refusal = refusal(warnings.iter().count());
        writeln!(std::io::stderr(), "{}", refusal.in_language(language))?;
        return Ok(false);
    }
    print(&format!("{}: OK\n\n{}", file.display(), config.message_previews()?))?;
    Ok(true)
}

fn refusal(count: usize) -> Message {
    Message::new(
        format!(
            "--strict refuses warnings ({count}); correct them, or name those that are meant so in \
             gateway.accepted_warnings"
        ),
        format!(
            "--strictが指定されているため、警告（{count}件）を誤りとして扱います。修\
             正するか、意図したものをgateway.accepted_warningsに指定してください。"
        ),
    )
}
