//! The configuration file: one TOML file, parsed into domain types at start.
//!
//! Each file of this module reads one section. A key is declared where it is read, with its name, its
//! default, its range and a sentence. The sample file, the reference in the documentation and
//! `check-config --explain` are made from these declarations.

mod application;
mod audit;
mod checks;
mod connections;
mod data_dir;
mod declaration;
mod disk;
mod document;
mod duration;
mod environment;
mod gateway;
mod key;
mod limits;
mod log;
mod nearest;
mod otp;
mod otp_cache;
mod pages;
mod passwords;
mod preview;
mod private_file;
mod problem;
mod reference;
mod rules;
mod secret;
mod sessions;
mod sms;
#[cfg(test)]
mod tests;
mod text;
mod texts;
mod values;
mod warning;

use std::path::{Path, PathBuf};

use mfa_pages::Language;
use otp_core::message::TemplateProblem;
use sms_otp_plugin::{
    InvalidConfig, InvalidText, PseudonymKey, SmsOtpConfig, SmsPreview, SmsTexts,
};

pub(crate) use self::data_dir::prepare as prepare_data_dir;
pub use self::{
    application::{AcceptedPaths, Application},
    audit::Audit,
    connections::Connections,
    disk::Disk,
    environment::Environment,
    gateway::Gateway,
    log::{Log, LogFormat},
    otp::Otp,
    otp_cache::OtpCache,
    pages::Pages,
    passwords::Passwords,
    problem::{Problem, Problems},
    reference::{Reference, UnknownKey},
    sessions::Sessions,
    sms::{Sender, Sms},
    texts::{Catalogues, built_in_texts},
    values::Config,
    warning::{Warning, WarningKind, Warnings},
};
use self::{
    document::{Reported, Section},
    problem::Refusal,
};

impl Config {
    /// Reads `file`, with the environment of this process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the file cannot be read, or with everything that is wrong in it.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        let environment = Environment::of_process();
        Self::parse_with(file, &text, &environment).map_err(ConfigError::Invalid)
    }

    /// Reads `text` as the content of `file`. Its paths are relative to the folder of `file`.
    ///
    /// # Errors
    ///
    /// [`Problems`] with everything that is wrong.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Problems> {
        Self::parse_with(file, text, &Environment::default())
    }

    /// As [`parse`](Self::parse). Variables of `environment` can name the files of secrets.
    ///
    /// # Errors
    ///
    /// [`Problems`] with everything that is wrong.
    pub fn parse_with(
        file: &Path,
        text: &str,
        environment: &Environment,
    ) -> Result<Self, Problems> {
        let (config, warnings) = document::read(file, text, environment, read)?;
        let warnings = warnings.without(&config.gateway.accepted_warnings);
        Ok(Self { warnings, ..config })
    }

    /// Returns the reference of all settings.
    pub fn reference() -> Reference {
        Reference::new(document::describe(read))
    }

    /// Returns the settings of the SMS factor.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] when a setting is out of range. Reading a file rules this out.
    pub fn sms_otp(&self, key: PseudonymKey) -> Result<SmsOtpConfig, InvalidConfig> {
        let config = SmsOtpConfig::new(self.sms_texts(), key)
            .with_digits(self.otp.digits)?
            .with_lifetime(self.otp.lifetime)?
            .with_policy(self.otp.policy.clone())
            .with_limits(self.limits.clone())
            .with_shown_digits(self.sms.shown_digits)?
            .with_prefixes(self.sms.allowed_prefixes);
        Ok(match &self.sms.sender_number {
            Some(number) => config.with_sender_number(number),
            None => config,
        })
    }

    fn sms_texts(&self) -> SmsTexts {
        let Sms { product_name, text, host, .. } = &self.sms;
        let texts = SmsTexts::new(&product_name.ja, host.clone());
        Language::ALL.into_iter().fold(texts, |texts, language| {
            let (tag, words) = (language.tag(), text.get(language));
            texts.with_words(tag, words).with_service(tag, product_name.get(language))
        })
    }

    /// Returns the message of each language as the provider gets it, with its length and parts, for the operator
    /// to read. The code in it is zeros.
    ///
    /// # Errors
    ///
    /// When a message cannot be sent. Reading a file rules this out.
    pub fn message_previews(&self) -> anyhow::Result<String> {
        Ok(self.previews()?.iter().map(preview::show).collect::<Vec<_>>().join("\n"))
    }

    fn previews(&self) -> anyhow::Result<Vec<SmsPreview>> {
        Ok(self.sms_otp(any_key())?.previews(self.sms.sender.text_limit())?)
    }
}

fn read(root: &Section<'_>) -> Result<Config, Reported> {
    let gateway = root.table(
        "gateway",
        ("Listeners, names and the main secret.", "待ち受けるアドレス、名前、主な秘密情報。"),
        gateway::read,
    );
    let pages = root.table(
        "pages",
        (
            "What the pages show about operator and support.",
            "画面に表示する、運営者とお問い合わせ窓口の情報。",
        ),
        pages::read,
    );
    let texts = root.table(
        "texts",
        (
            "Texts of your own. The keys and the built-in texts are printed by \
             check-config --texts.",
            "独自の文。キーと組み込みの文は、check-config --textsで表示できます。",
        ),
        texts::read,
    );
    let application = root.table(
        "application",
        (
            "The web application behind the gateway.",
            "ゲートウェイの背後にあるウェブアプリケーション。",
        ),
        application::read,
    );
    let policy = rules::read(root);
    let passwords = root.table(
        "passwords",
        ("The hashes of the users' passwords.", "ユーザーのパスワードのハッシュ。"),
        passwords::read,
    );
    let sessions = root.table(
        "sessions",
        ("Sessions and pending logins.", "セッションと、ログイン手続き。"),
        sessions::read,
    );
    let otp = root.table(
        "otp",
        ("The one-time code and the limits on attempts.", "認証コードと、試行回数の制限。"),
        otp::read,
    );
    let otp_cache = root.table(
        "otp_cache",
        ("Challenges, attempts and quotas.", "認証コード、試行回数、送信数の保存。"),
        otp_cache::read,
    );
    let sms = root.table("sms", ("The text message.", "SMS。"), |section| {
        sms::read(section, gateway.as_ref().map_err(|reported| *reported))
    });
    let limits = root.table(
        "limits",
        (
            "How many messages may be sent. Each limit is a burst that refills evenly \
             over its period.",
            "送信できる数。どの上限も、一度に使い切れ、その期間をかけて均等に回復しま\
             す。",
        ),
        limits::read,
    );
    let connections = root.table(
        "connections",
        ("Timeouts and caps of client connections.", "クライアントの接続の時間と数の上限。"),
        connections::read,
    );
    let audit = root.table("audit", ("The audit trail.", "監査記録。"), audit::read);
    let disk = root.table(
        "disk",
        ("The space that the databases need.", "データベースに必要な容量。"),
        disk::read,
    );
    let log = root.table(
        "log",
        ("Log output, on the standard error stream.", "標準エラー出力へのログ。"),
        log::read,
    );
    secret::refuse_unknown_variables(root);
    let config = Config {
        gateway: gateway?,
        pages: pages?,
        texts: texts?,
        application: application?,
        policy: policy?,
        passwords: passwords?,
        sessions: sessions?,
        otp: otp?,
        otp_cache: otp_cache?,
        sms: sms?,
        connections: connections?,
        limits: limits?,
        audit: audit?,
        disk: disk?,
        log: log?,
        warnings: Warnings::default(),
    };
    check_message(root, &config)?;
    checks::refuse_contradictions(root, &config)?;
    checks::warn(root, &config);
    Ok(config)
}

/// Checks that the message can be sent in every language.
fn check_message(root: &Section<'_>, config: &Config) -> Result<(), Reported> {
    let sms_otp = config.sms_otp(any_key()).map_err(|error| {
        let refusal = Refusal::new(
            (error.to_string(), "認証コードの桁数か有効期間を使えません"),
            ("change otp.digits or otp.lifetime", "otp.digitsかotp.lifetimeを変更してください"),
        );
        root.problem("sms", refusal)
    })?;
    let limit = config.sms.sender.text_limit();
    sms_otp
        .check_texts(limit)
        .map_err(|error| root.problem("sms", text_refusal(&error, limit.line_break())))
}

/// Any key: it does not change the length of a message.
fn any_key() -> PseudonymKey {
    PseudonymKey::from_bytes(&[0; 32]).expect("a key of 32 bytes")
}

/// Returns why a message cannot be sent, and which keys to change.
fn text_refusal(error: &InvalidText, line_break: usize) -> Refusal {
    let (language, template) = (error.language(), error.template());
    let keys = format!("sms.product_name or sms.text.{language}");
    let too_long = template.problems().iter().find_map(|problem| match problem {
        TemplateProblem::TooLong(too_long) => Some(too_long),
        _ => None,
    });
    let listed: Vec<String> = template.problems().iter().map(problem_in_japanese).collect();
    let what = (
        format!("the message in the language {language:?} cannot be sent: {template}"),
        format!("{language}のSMSを送信できません（{}）", listed.join("、")),
    );
    let Some(too_long) = too_long else {
        let in_japanese = format!("sms.product_nameかsms.text.{language}を変更してください");
        return Refusal::new(what, (format!("change {keys}"), in_japanese));
    };
    let excess = too_long.units - too_long.allowed;
    let remedy = (
        format!(
            "shorten {keys}, or sms.host, by {excess} characters or more (a line break counts as {line_break})"
        ),
        format!(
            "sms.product_nameかsms.text.{language}、またはsms.hostを{excess}文字以上短くしてください\
             （改行は{line_break}文字と数えます）"
        ),
    );
    Refusal::new(what, remedy)
}

fn problem_in_japanese(problem: &TemplateProblem) -> String {
    match problem {
        TemplateProblem::CodeNotOnce => "{code}をちょうど1回書く必要があります".to_owned(),
        TemplateProblem::ControlCharacter => "制御文字があります".to_owned(),
        TemplateProblem::ExcludedCharacter(c) => format!("{c:?}は送信できない文字です"),
        TemplateProblem::Link => "リンクになる部分があります".to_owned(),
        TemplateProblem::TooLong(too_long) => {
            format!("最長で{}文字になり、{}文字を超えます", too_long.units, too_long.allowed)
        }
        TemplateProblem::UnmatchedBrace => {
            "波括弧そのものは、2つ重ねて書く必要があります".to_owned()
        }
        TemplateProblem::UnknownPlaceholder(name) => {
            format!("{{{name}}}は使えません。使えるのは{{code}}、{{minutes}}、{{service}}です")
        }
        other => other.to_string(),
    }
}

/// Why there is no configuration. `Display` is in English.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Something in the file is wrong.
    #[error("{}", self.in_language(Language::En))]
    Invalid(Problems),
    /// The file cannot be read.
    #[error("{}", self.in_language(Language::En))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl ConfigError {
    /// Says what is wrong and what to do about it.
    pub fn in_language(&self, language: Language) -> String {
        let (file, source) = match self {
            Self::Invalid(problems) => return problems.in_language(language),
            Self::Unreadable { file, source } => (file.display(), source.kind()),
        };
        match language {
            Language::En => {
                format!("{file}: cannot be read ({source}); name an existing file with --config")
            }
            Language::Ja => {
                format!(
                    "{file}: 読めません（{source}）。--configで設定ファイルを指定してください。"
                )
            }
        }
    }
}
