//! `user import`.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, bail};
use auth_module::{AuthModule, Encoding, ImportFormat, ImportOptions, ImportProblem, ImportReport};
use mfa_gateway::time::{Clock as _, SystemClock, SystemRandomness};

use crate::{
    cli::{EncodingName, ImportArgs},
    output::print,
};

pub(super) async fn import(
    auth: &AuthModule,
    arguments: &ImportArgs,
    actor: &str,
) -> anyhow::Result<()> {
    let file = &arguments.file;
    let mut options = ImportOptions::new(format(file)?);
    options.encoding = arguments.encoding.map(encoding);
    options.update = arguments.update;
    options.dry_run = arguments.dry_run;
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    match auth.import_users(bytes, options, actor, &SystemRandomness, SystemClock.now()).await? {
        Ok(report) => print(&in_words(&report, options)),
        Err(problems) => bail!(refusal(file, &problems, options)),
    }
}

fn format(file: &Path) -> anyhow::Result<ImportFormat> {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "csv" | "tsv" | "txt" => Ok(ImportFormat::Csv),
        "jsonl" | "ndjson" => Ok(ImportFormat::JsonLines),
        "xlsx" | "xls" | "ods" => bail!(
            "{}: a spreadsheet cannot be read; save it as CSV UTF-8 and import that file",
            file.display()
        ),
        _ => bail!("{}: the name has to end in .csv, .tsv, .txt or .jsonl", file.display()),
    }
}

fn encoding(name: EncodingName) -> Encoding {
    match name {
        EncodingName::Utf8 => Encoding::Utf8,
        EncodingName::ShiftJis => Encoding::ShiftJis,
        EncodingName::EucJp => Encoding::EucJp,
        EncodingName::Utf16Le => Encoding::Utf16Le,
        EncodingName::Utf16Be => Encoding::Utf16Be,
    }
}

fn in_words(report: &ImportReport, options: ImportOptions) -> String {
    let mut text = String::new();
    if report.encoding != Encoding::Utf8 {
        line(&mut text, format_args!("read as {}", report.encoding.as_str()));
    }
    for number in &report.zeros_put_back {
        line(&mut text, format_args!("line {number}: the lost 0 of the phone number was put back"));
    }
    for changed in &report.changed {
        line(&mut text, format_args!("{}: {}", changed.login_name, changed.columns.join(", ")));
    }
    let (added, changed) = (report.added.len(), report.changed.len());
    let would = if options.dry_run { "would have " } else { "" };
    if options.update {
        let unchanged = report.unchanged;
        line(
            &mut text,
            format_args!(
                "{would}imported {added} users, changed {changed}, left {unchanged} as they are"
            ),
        );
    } else {
        line(&mut text, format_args!("{would}imported {added} users"));
    }
    text
}

fn refusal(file: &Path, problems: &[ImportProblem], options: ImportOptions) -> String {
    let mut text = String::new();
    for problem in problems {
        line(&mut text, format_args!("{}:{problem}", file.display()));
    }
    let done = if options.update { "imported or changed" } else { "imported" };
    let _ = write!(text, "no user was {done}; fix these {} problems and try again", problems.len());
    text
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{content}");
}
