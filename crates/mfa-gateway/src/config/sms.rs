//! `[sms]`: the text message and its sender.

mod sender;

use mfa_pages::{PerLanguage, without_breaks};
use otp_core::{AllowedPrefixes, message::Host};
use sms_otp_plugin::{SmsOtpConfig, SmsTexts};

pub use self::sender::Sender;
use super::{
    document::{Reported, Section},
    gateway::Gateway,
    problem::Refusal,
    text,
};

/// `[sms]`
#[derive(Debug, Clone)]
pub struct Sms {
    /// The name in the message.
    pub product_name: PerLanguage<String>,
    /// The host in the last line of the message, which binds the code to this site. `None` leaves the line out.
    pub host: Option<Host>,
    /// The words of the message, with `{code}` and `{service}`.
    pub text: PerLanguage<String>,
    /// How many of the last digits of a phone number the pages show.
    pub shown_digits: u8,
    /// The number that the messages come from, for the help.
    pub sender_number: Option<String>,
    /// The prefixes of the numbers that messages may go to.
    pub allowed_prefixes: AllowedPrefixes,
    /// The sender.
    pub sender: Sender,
}

/// Reads the section. Name and host come from `gateway` if the section has none.
pub(super) fn read(
    section: &Section<'_>,
    gateway: Result<&Gateway, Reported>,
) -> Result<Sms, Reported> {
    let product_name = section
        .key(
            "product_name",
            (
                "The name in the message. Keep it short: the whole message must fit into \
                 70 characters.",
                "SMSに書くサービス名です。SMS全体が70文字に収まるように、短くしてくださ\
                 い。",
            ),
        )
        .optional_per_language(
            "Example",
            ("the value of gateway.service_name", "gateway.service_nameの値"),
            text::not_blank,
        );
    let host = section
        .key(
            "host",
            (
                "The host in the last line of the message. Browsers fill in the code only \
                 on this host. \"none\" leaves the line out.",
                "SMSの最後の行に書くホストです。ブラウザーは、このホストでだけ認証コード\
                 を自動入力します。\"none\"は、この行を省きます。",
            ),
        )
        .allowed(("a host name or \"none\"", "ホスト名、または\"none\""))
        .optional(
            "login.example.jp",
            ("the host of gateway.public_url", "gateway.public_urlのホスト"),
            host,
        );
    let allowed_prefixes = section
        .key(
            "allowed_prefixes",
            (
                "Messages go only to numbers with one of these prefixes.",
                "この番号で始まる電話番号にだけ送信します。",
            ),
        )
        .allowed(("\"060\", \"070\", \"080\" and \"090\"", "\"060\"、\"070\"、\"080\"、\"090\""))
        .renamed_from("prefixes")
        .list(&["060", "070", "080", "090"], prefixes);
    let shown_digits = section
        .key(
            "shown_digits",
            (
                "How many of the last digits of a phone number its owner sees on the pages.",
                "本人の画面に表示する、電話番号の末尾の桁数です。",
            ),
        )
        .number(SmsOtpConfig::DEFAULT_SHOWN_DIGITS, SmsOtpConfig::SHOWN_DIGITS_RANGE);
    let sender_number = section
        .key(
            "sender_number",
            (
                "The number that the messages come from, as your contract names it. The \
                 help on the page of the code shows it.",
                "契約書類にある、SMSの送信元番号です。認証コードの画面の説明に表示しま\
                 す。",
            ),
        )
        .optional("0120000000", ("not shown", "表示しない"), text::not_blank);
    let text = section.table(
        "text",
        (
            "The words of the message. {service} stands for product_name, {code} for \
             the code, {minutes} for its lifetime. The last line with the host \
             follows.",
            "SMSの文面。{service}はproduct_name、{code}は認証コード、{minutes}は有効\
             な分数に置き換わります。その後に、ホストを書いた最後の行が続きます。",
        ),
        words,
    );
    let sender = sender::read(section);
    let product_name = match product_name? {
        Some(name) => name,
        None => gateway?.service_name.clone(),
    };
    let host = match host? {
        Some(host) => host,
        None => Some(public_host(section, gateway?)?),
    };
    Ok(Sms {
        product_name: product_name.map(|name| without_breaks(&name)),
        host,
        text: text?,
        shown_digits: shown_digits?,
        sender_number: sender_number?,
        allowed_prefixes: allowed_prefixes?,
        sender: sender?,
    })
}

fn words(section: &Section<'_>) -> Result<PerLanguage<String>, Reported> {
    let ja = section
        .key("ja", ("The Japanese words.", "日本語の文面です。"))
        .allowed(("a text with {code} once", "{code}を1回含む文字列"))
        .or(SmsTexts::JAPANESE, text::not_blank);
    let en = section
        .key("en", ("The English words.", "英語の文面です。"))
        .allowed(("a text with {code} once", "{code}を1回含む文字列"))
        .or(SmsTexts::ENGLISH, text::not_blank);
    Ok(PerLanguage { ja: ja?, en: en? })
}

/// Parses a host; `None` is no host.
fn host(text: &str) -> Result<Option<Host>, Refusal> {
    if text == "none" {
        return Ok(None);
    }
    Host::new(text).map(Some).map_err(|_| {
        let what =
            (format!("{text:?} is not a host name"), format!("{text:?}はホスト名ではありません"));
        let remedy = (
            "write it without scheme, port and path, or write \"none\"",
            "スキーム、ポート、パスを付けずに書くか、\"none\"と書いてください",
        );
        Refusal::new(what, remedy)
    })
}

fn public_host(section: &Section<'_>, gateway: &Gateway) -> Result<Host, Reported> {
    let public = gateway.public_url.host_str().unwrap_or_default();
    Host::new(public).map_err(|_| {
        let what = (
            "is missing, and the host of gateway.public_url is not a name",
            "指定がなく、gateway.public_urlのホストも名前ではありません",
        );
        let remedy =
            ("write the host name of the login pages", "ログイン画面のホスト名を書いてください");
        section.problem("host", Refusal::new(what, remedy))
    })
}

fn prefixes(texts: &[&str]) -> Result<AllowedPrefixes, Refusal> {
    AllowedPrefixes::from_list(texts.iter().copied()).map_err(|error| {
        Refusal::new(
            (error.to_string(), "060、070、080、090のうち1つ以上を並べたリストではありません"),
            ("use 060, 070, 080 and 090", "060、070、080、090から選んでください"),
        )
    })
}
