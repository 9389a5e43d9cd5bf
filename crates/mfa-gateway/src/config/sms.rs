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
            "The name in the message. Keep it short: the whole message must fit into 70 characters.",
        )
        .optional_per_language("Example", "the value of gateway.service_name", text::not_blank);
    let host = section
        .key(
            "host",
            "The host in the last line of the message. Browsers fill in the code only on this host. \
             \"none\" leaves the line out.",
        )
        .allowed("a host name or \"none\"")
        .optional("login.example.jp", "the host of gateway.public_url", host);
    let allowed_prefixes = section
        .key("allowed_prefixes", "Messages go only to numbers with one of these prefixes.")
        .allowed("\"060\", \"070\", \"080\" and \"090\"")
        .renamed_from("prefixes")
        .list(&["060", "070", "080", "090"], prefixes);
    let shown_digits = section
        .key(
            "shown_digits",
            "How many of the last digits of a phone number its owner sees on the pages.",
        )
        .number(SmsOtpConfig::DEFAULT_SHOWN_DIGITS, SmsOtpConfig::SHOWN_DIGITS_RANGE);
    let sender_number = section
        .key(
            "sender_number",
            "The number that the messages come from, as your contract names it. The help on the page of the \
             code shows it.",
        )
        .optional("0120000000", "not shown", text::not_blank);
    let text = section.table(
        "text",
        "The words of the message. {service} stands for product_name, {code} for the code, {minutes} for its \
         lifetime. The last line with the host follows.",
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
        .key("ja", "The Japanese words.")
        .allowed("a text with {code} once")
        .or(SmsTexts::JAPANESE, text::not_blank);
    let en = section
        .key("en", "The English words.")
        .allowed("a text with {code} once")
        .or(SmsTexts::ENGLISH, text::not_blank);
    Ok(PerLanguage { ja: ja?, en: en? })
}

/// Parses a host; `None` is no host.
fn host(text: &str) -> Result<Option<Host>, Refusal> {
    if text == "none" {
        return Ok(None);
    }
    Host::new(text).map(Some).map_err(|_| {
        let what = format!("{text:?} is not a host name");
        Refusal::new(what, "write it without scheme, port and path, or write \"none\"")
    })
}

fn public_host(section: &Section<'_>, gateway: &Gateway) -> Result<Host, Reported> {
    let public = gateway.public_url.host_str().unwrap_or_default();
    Host::new(public).map_err(|_| {
        let what = "is missing, and the host of gateway.public_url is not a name";
        section.problem("host", Refusal::new(what, "write the host name of the login pages"))
    })
}

fn prefixes(texts: &[&str]) -> Result<AllowedPrefixes, Refusal> {
    AllowedPrefixes::from_list(texts.iter().copied())
        .map_err(|error| Refusal::new(error.to_string(), "use 060, 070, 080 and 090"))
}
