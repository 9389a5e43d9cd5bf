//! `[gateway]`: listeners, names and the main secret.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use jiff::tz::TimeZone;
use mfa_pages::{Language, PerLanguage};
use mfa_proxy::{ListenAddress, UNIX_PEER};
use secrecy::SecretString;
use url::Url;

use super::{
    document::{Reported, Section},
    duration::minutes,
    key::list_of,
    problem::Refusal,
    text,
};

/// The shortest main secret. The keys derived from it have 32 bytes.
const MIN_SECRET_BYTES: usize = 32;

const LISTEN_ADDRESS: &str = "an IP address or a host name with a port, or unix: with a path";

/// `[gateway]`
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The origin that browsers see.
    pub public_url: Url,
    /// Further origins under which browsers reach the same pages.
    pub additional_origins: Vec<Url>,
    /// The address of the public listener.
    pub listen: ListenAddress,
    /// The address of the listener for health and metrics.
    pub ops_listen: ListenAddress,
    /// The permissions of Unix sockets.
    pub socket_mode: u32,
    /// The networks of the proxies whose `X-Forwarded-For` is used.
    pub trusted_proxies: Vec<IpNet>,
    /// The longest time from a signal to the end of the process.
    pub stop_timeout: Duration,
    /// The folder of the databases.
    pub data_dir: PathBuf,
    /// The name of the service on every page.
    pub service_name: PerLanguage<String>,
    /// The language for browsers that ask for no language of the pages.
    pub default_language: Language,
    /// The time zone of the clock times on pages.
    pub time_zone: TimeZone,
    /// The address of a help page, or a `mailto:` address.
    pub support_url: Option<Url>,
    /// The secret that internal keys are derived from.
    pub secret: SecretString,
}

pub(super) fn read(section: &Section<'_>) -> Result<Gateway, Reported> {
    let insecure_http = section
        .key(
            "insecure_http",
            "Allows http:// in public_url and additional_origins. Only for a test on one machine: \
             cookies and codes travel unencrypted.",
        )
        .flag(false);
    let insecure = insecure_http.unwrap_or(false);
    let public_url = section
        .key(
            "public_url",
            "The origin that browsers see. Links, cookies and the check of the Origin header use it.",
        )
        .allowed("an https:// origin")
        .required(
            "https://login.example.jp",
            "write the origin that browsers see: \"https://…\"",
            |text| text::origin(text, insecure),
        );
    let additional_origins = section
        .key("additional_origins", "Further origins under which browsers reach this gateway.")
        .allowed("a list of https:// origins")
        .renamed_from("more_origins")
        .list(&[], list_of(|text| text::origin(text, insecure)));
    let listen = section
        .key(
            "listen",
            "The address for requests of browsers. TLS ends at a proxy in front of the gateway. A name means all of \
             its addresses, and [::] means IPv4 too.",
        )
        .allowed(LISTEN_ADDRESS)
        .or("127.0.0.1:8080", |text| address(section, text));
    let ops_listen = section
        .key(
            "ops_listen",
            "The address of /healthz, /readyz and /metrics. Keep it unreachable from the Internet.",
        )
        .allowed(LISTEN_ADDRESS)
        .or("127.0.0.1:9090", |text| address(section, text));
    let socket_mode = section
        .key(
            "socket_mode",
            "Who may connect to the Unix sockets of listen and ops_listen: \"0600\" the gateway's user, \"0660\" its \
             group too, \"0666\" every user of the machine.",
        )
        .word(&[("0600", 0o600), ("0660", 0o660), ("0666", 0o666)], 0o660);
    let trusted_proxies = section
        .key(
            "trusted_proxies",
            "Networks of your reverse proxies, such as \"10.0.0.0/8\". X-Forwarded-For is used only \
             when the peer is in this list; otherwise the peer is the client. \"unix\" stands for the peers on a \
             Unix socket.",
        )
        .allowed("a list of networks, IP addresses and \"unix\"")
        .list(&[], list_of(network));
    let stop_timeout = section
        .key(
            "stop_timeout",
            "The longest time from SIGTERM to the end of the process. Load balancers have the first quarter \
             of it to notice that /readyz fails, running requests have half of it.",
        )
        .duration(Duration::from_secs(8), Duration::from_secs(1)..=minutes(10));
    let data_dir = section
        .key("data_dir", "The folder of the databases. Only the gateway may read it.")
        .path("/var/lib/mfa-gateway", "name a folder that the gateway may write to");
    let service_name = section
        .key(
            "service_name",
            "The name of the service, shown on every page. In a long Japanese name, \\u200B marks where a line may \
             break.",
        )
        .per_language_or("MFA", text::not_blank);
    let default_language = section
        .key(
            "default_language",
            "The language for browsers that ask for neither Japanese nor English.",
        )
        .word(&Language::ALL.map(|language| (language.tag(), language)), Language::Ja);
    let time_zone = section
        .key("time_zone", "The time zone of the clock times on pages.")
        .allowed("an IANA name")
        .or("Asia/Tokyo", time_zone);
    let support_url = section
        .key("support_url", "Where users find help. Pages link to it.")
        .allowed("an https:// or mailto: address")
        .renamed_from("support")
        .optional("https://example.jp/help", "not set", text::link);
    let secret = section
        .key(
            "secret",
            "The secret that form tokens, pseudonyms in logs and other internal keys are derived \
             from. It is the same on every node. Make one with: openssl rand -base64 48",
        )
        .secret("master.key", MIN_SECRET_BYTES);
    insecure_http?;
    Ok(Gateway {
        public_url: public_url?,
        additional_origins: additional_origins?,
        listen: listen?,
        ops_listen: ops_listen?,
        socket_mode: socket_mode?,
        trusted_proxies: trusted_proxies?,
        stop_timeout: stop_timeout?,
        data_dir: data_dir?,
        service_name: service_name?,
        default_language: default_language?,
        time_zone: time_zone?,
        support_url: support_url?,
        secret: secret?,
    })
}

/// Parses an address to listen on. The path of a Unix socket is relative to the folder of the file.
fn address(section: &Section<'_>, text: &str) -> Result<ListenAddress, Refusal> {
    let address: ListenAddress = text.parse().map_err(|problem| {
        let what = format!("{text:?} {problem}");
        Refusal::new(what, "write \"127.0.0.1:8080\" or \"unix:/run/mfa-gateway/gateway.sock\"")
    })?;
    Ok(match address {
        ListenAddress::Unix(path) => ListenAddress::Unix(section.resolve(&path)),
        other => other,
    })
}

fn network(text: &str) -> Result<IpNet, Refusal> {
    if text == "unix" {
        return Ok(UNIX_PEER.ip().into());
    }
    let one_address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| one_address()).map_err(|_| {
        let what = format!("holds {text:?}, which is not a network");
        Refusal::new(what, "use CIDR notation such as \"10.0.0.0/8\", or one address")
    })
}

fn time_zone(text: &str) -> Result<TimeZone, Refusal> {
    TimeZone::get(text).map_err(|_| {
        let what = format!("{text:?} is not a known time zone");
        Refusal::new(what, "write an IANA name such as \"Asia/Tokyo\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::problems_in;

    fn problems(text: &str) -> String {
        let required = "public_url = \"https://a.example\"\ndata_dir = \"data\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n";
        problems_in(&format!("{required}{text}"), read).join("\n")
    }

    #[test]
    fn each_wrong_value_is_named() {
        let found = problems(
            r#"listen = "8080"
trusted_proxies = ["10.0.0.1", "10.0.0.0/33"]
default_language = "fr"
time_zone = "Asia/Kyoto"
support_url = "javascript:alert(1)"
additional_origins = ["http://a.example"]
service_name = " "
"#,
        );
        for start in [
            "4:10: listen: \"8080\" is neither an IP address nor a host name with a port, ",
            "5:19: trusted_proxies: holds \"10.0.0.0/33\", which is not a network; ",
            "6:20: default_language: \"fr\" is none of ja, en; ",
            "7:13: time_zone: \"Asia/Kyoto\" is not a known time zone; ",
            "8:15: support_url: \"javascript:alert(1)\" is not the address of a page",
            "9:22: additional_origins: is not https, ",
            "10:16: service_name: is empty; ",
        ] {
            assert!(found.contains(start), "{start} is missing in {found}");
        }
        assert_eq!(found.lines().count(), 7, "{found}");
    }

    #[test]
    fn old_names_point_to_the_new_ones() {
        let found = problems("more_origins = []\nsupport = \"https://a.example\"\n");
        assert!(found.contains("more_origins: is now called additional_origins; write"), "{found}");
        assert!(found.contains("support: is now called support_url; write"), "{found}");
    }

    #[test]
    fn plain_http_needs_the_flag() {
        let text = "additional_origins = [\"http://localhost:8080\"]\ninsecure_http = true\n";
        assert_eq!(problems(text), "");
    }
}
