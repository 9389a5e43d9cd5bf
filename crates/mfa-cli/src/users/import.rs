//! `user import`.

use std::path::Path;

use anyhow::{Context as _, bail};
use auth_module::{
    AuthModule, Encoding, ImportFormat, ImportOptions, ImportProblem, ImportReport, ImportRule,
};
use mfa_gateway::time::{Clock as _, SystemClock, SystemRandomness};
use mfa_pages::Language;

use crate::{
    cli::{EncodingName, ImportArgs},
    language::{Message, of_login_name, of_password, of_phone_number},
    output::tell,
};

pub(super) async fn import(
    auth: &AuthModule,
    arguments: &ImportArgs,
    actor: &str,
    language: Language,
) -> anyhow::Result<()> {
    let file = &arguments.file;
    let mut options = ImportOptions::new(format(file)?);
    options.encoding = arguments.encoding.map(encoding);
    options.update = arguments.update;
    options.dry_run = arguments.dry_run;
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    match auth.import_users(bytes, options, actor, &SystemRandomness, SystemClock.now()).await? {
        Ok(report) => tell(&in_words(&report, options), language),
        Err(problems) => bail!(refusal(file, &problems, options)),
    }
}

fn format(file: &Path) -> anyhow::Result<ImportFormat> {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "csv" | "tsv" | "txt" => Ok(ImportFormat::Csv),
        "jsonl" | "ndjson" => Ok(ImportFormat::JsonLines),
        "xlsx" | "xls" | "ods" => bail!(Message::new(
            format!(
                "{}: a spreadsheet cannot be read; save it as CSV UTF-8 and import that file",
                file.display()
            ),
            format!(
                "{}：表計算ソフトのファイルは読めません。CSV UTF-8で保存したファイルを指\
                 定してください",
                file.display()
            ),
        )),
        _ => bail!(Message::new(
            format!("{}: the name has to end in .csv, .tsv, .txt or .jsonl", file.display()),
            format!(
                "{}：ファイル名の末尾は.csv、.tsv、.txt、.jsonlのどれかにしてください",
                file.display()
            ),
        )),
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

fn in_words(report: &ImportReport, options: ImportOptions) -> Message {
    let mut lines: Vec<Message> = Vec::new();
    if report.encoding != Encoding::Utf8 {
        let encoding = report.encoding.as_str();
        lines.push(Message::new(
            format!("read as {encoding}"),
            format!("{encoding}として読みました"),
        ));
    }
    lines.extend(report.zeros_put_back.iter().map(|number| {
        Message::new(
            format!("line {number}: the lost 0 of the phone number was put back"),
            format!("{number}行目：電話番号の先頭から消えていた0を補いました"),
        )
    }));
    lines.extend(report.changed.iter().map(|changed| {
        let (name, columns) = (&changed.login_name, &changed.columns);
        Message::new(
            format!("{name}: {}", columns.join(", ")),
            format!("{name}：{}", columns.join("、")),
        )
    }));
    lines.push(done(report, options));
    joined(&lines)
}

fn done(report: &ImportReport, options: ImportOptions) -> Message {
    let (added, changed) = (report.added.len(), report.changed.len());
    let (would, suffix) = if options.dry_run {
        ("would have ", "（実際には変更していません）")
    } else {
        ("", "")
    };
    if options.update {
        let unchanged = report.unchanged;
        return Message::new(
            format!(
                "{would}imported {added} users, changed {changed}, left {unchanged} as they are"
            ),
            format!("登録{added}人、変更{changed}人、変更なし{unchanged}人{suffix}"),
        );
    }
    Message::new(format!("{would}imported {added} users"), format!("登録{added}人{suffix}"))
}

fn refusal(file: &Path, problems: &[ImportProblem], options: ImportOptions) -> Message {
    let file = file.display();
    let mut lines: Vec<Message> = problems
        .iter()
        .map(|problem| {
            let place = match problem.column {
                Some(column) => format!("{}行目、{column}列", problem.line),
                None => format!("{}行目", problem.line),
            };
            let rule = rule_in_japanese(problem.rule);
            Message::new(format!("{file}:{problem}"), format!("{file}:{place}：{rule}"))
        })
        .collect();
    let count = problems.len();
    let done = if options.update { "imported or changed" } else { "imported" };
    lines.push(Message::new(
        format!("no user was {done}; fix these {count} problems and try again"),
        format!("だれも登録・変更していません。この{count}件を修正して、もう一度実行してください"),
    ));
    joined(&lines)
}

fn rule_in_japanese(rule: ImportRule) -> String {
    let text = match rule {
        ImportRule::BothPasswords => "passwordとpassword_hashは、どちらか一方だけです",
        ImportRule::DisplayName => "表示名は200文字以下で、制御文字を使えません",
        ImportRule::Duplicate(line) => return format!("{line}行目と同じユーザーIDです"),
        ImportRule::Encoding(encoding) => {
            let name = encoding.as_str();
            return format!(
                "{name}として読めません。--encodingで指定するか、UTF-8で保存してください"
            );
        }
        ImportRule::Group => "グループは、半角の英数字と. _ -の1文字から64文字です",
        ImportRule::Header(what) => return format!("見出しの行に誤りがあります（{what}）"),
        ImportRule::LoginName(error) => {
            return of_login_name(error).in_language(Language::Ja).to_owned();
        }
        ImportRule::NameTaken => "このユーザーIDはすでに使われています",
        ImportRule::NoPassword => "新しいユーザーには、passwordかpassword_hashが必要です",
        ImportRule::NotARow(what) => return format!("行として読めません（{what}）"),
        ImportRule::Password(unfit) => {
            return of_password(unfit).in_language(Language::Ja).to_owned();
        }
        ImportRule::PhoneNumber(error) => {
            return of_phone_number(error).in_language(Language::Ja).to_owned();
        }
        ImportRule::Removed => "インポート中に、このユーザーが削除されました",
        ImportRule::RoundedNumber => {
            "表計算ソフトが番号を丸めています。列を文字列にして、番号を入力し直してください"
        }
        ImportRule::Truth => "yesかnoを書いてください",
        ImportRule::UnknownColumn(column) => {
            return format!(
                "見出しの{column}列目は、username、display_name、phone、password、\
                 password_hash、groups、disabledのどれでもありません"
            );
        }
        other => return format!("この値は使えません（{other}）"),
    };
    text.to_owned()
}

fn joined(lines: &[Message]) -> Message {
    let all = |language| {
        lines.iter().map(|line| line.in_language(language)).collect::<Vec<_>>().join("\n")
    };
    Message::new(all(Language::En), all(Language::Ja))
}
