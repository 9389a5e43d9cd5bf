//! `[log]`: what is logged, and how.

use tracing_subscriber::filter::Targets;

use super::{
    document::{Reported, Section},
    problem::Refusal,
};

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// How a record is written.
    pub format: LogFormat,
    /// Which records are written.
    pub filter: Targets,
    /// Whether the access log has the paths of the application.
    pub paths: bool,
}

/// How a log record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// As one line of JSON.
    Json,
    /// As text for people.
    Text,
}

pub(super) fn read(section: &Section<'_>) -> Result<Log, Reported> {
    let format = section
        .key("format", ("How a log record is written.", "ログの形式です。"))
        .word(&[("json", LogFormat::Json), ("text", LogFormat::Text)], LogFormat::Json);
    let filter = section
        .key(
            "filter",
            (
                "Which records are logged: a level for all modules, then for single ones.",
                "どの記録を書くかです。全体のレベルを、続けてモジュールごとのレベルを書きます。",
            ),
        )
        .allowed((
            "levels such as \"info\" or \"info,mfa_gateway=debug\"",
            "\"info\"、\"info,mfa_gateway=debug\"のようなレベル",
        ))
        .or("info", filter);
    let paths = section
        .key(
            "paths",
            (
                "Writes the path of each request to the application into the log, without its \
                 query. A path can hold personal data, or the secret of a link; the rule is in \
                 the log in any case.",
                "アプリケーションへのリクエストのパスを、クエリを除いてログに記録します。パスに\
                 は、個人情報やリンクの秘密情報が含まれることがあります。適用した規則は、いつで\
                 も記録します。",
            ),
        )
        .flag(false);
    Ok(Log { format: format?, filter: filter?, paths: paths? })
}

fn filter(text: &str) -> Result<Targets, Refusal> {
    text.parse().map_err(|_| {
        let what = (
            format!("{text:?} is not a log filter"),
            format!("{text:?}はログのフィルターではありません"),
        );
        let remedy = (
            "write \"info\" or \"info,mfa_gateway=debug\"",
            "\"info\"、\"info,mfa_gateway=debug\"のように書いてください",
        );
        Refusal::new(what, remedy)
    })
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;
    use crate::config::document::{problems_in, read_from};

    #[test]
    fn a_filter_is_parsed_once() {
        let log = read_from("filter = \"warn,mfa_gateway=debug\"", read).expect("a filter");
        assert!(log.filter.would_enable("mfa_gateway::app", &Level::DEBUG));
        assert!(!log.filter.would_enable("hyper", &Level::INFO));
        let found = problems_in("filter = \"mfa_gateway=loud\"", read);
        assert_eq!(
            found,
            ["1:10: filter: \"mfa_gateway=loud\" is not a log filter; write \"info\" or \
              \"info,mfa_gateway=debug\""]
        );
    }
}
