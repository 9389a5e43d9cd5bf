//! `[sms]`: the text message and its sender.

mod sender;

use otp_core::{AllowedPrefixes, message::Host};

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
    /// The name at the beginning of the message.
    pub product_name: String,
    /// The host in the last line of the message, which binds the code to this site.
    pub host: Host,
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
            "The name at the beginning of the message. Keep it short: the whole message must fit into \
             70 characters.",
        )
        .optional("Example", "the value of gateway.service_name", text::not_blank);
    let host = section
        .key(
            "host",
            "The host in the last line of the message. Browsers fill in the code only on this host.",
        )
        .allowed("a host name")
        .optional("login.example.jp", "the host of gateway.public_url", host);
    let allowed_prefixes = section
        .key("allowed_prefixes", "Messages go only to numbers with one of these prefixes.")
        .allowed("\"060\", \"070\", \"080\" and \"090\"")
        .renamed_from("prefixes")
        .list(&["060", "070", "080", "090"], prefixes);
    let sender = sender::read(section);
    let product_name = match product_name? {
        Some(name) => name,
        None => gateway?.service_name.clone(),
    };
    let host = match host? {
        Some(host) => host,
        None => public_host(section, gateway?)?,
    };
    Ok(Sms { product_name, host, allowed_prefixes: allowed_prefixes?, sender: sender? })
}

fn host(text: &str) -> Result<Host, Refusal> {
    Host::new(text).map_err(|_| {
        let what = format!("{text:?} is not a host name");
        Refusal::new(what, "write it without scheme, port and path")
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
