//! `[gateway]`: listeners, names and the main secret.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use auth_module::has_one_reading;
use ipnet::{IpNet, Ipv4Net};
use jiff::tz::TimeZone;
use mfa_pages::{Language, PerLanguage, Site};
use mfa_proxy::{AddressHeader, NormalPath};
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

/// The widest networks of proxies. Everybody in them can choose which address they come from.
const MIN_PREFIX_IPV4: u8 = 8;
const MIN_PREFIX_IPV6: u8 = 16;
/// The path for probes below the prefix of our own pages.
const HEALTH: &str = "health";

/// `[gateway]`
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The origin that browsers see.
    pub public_url: Url,
    /// Further origins under which browsers reach the same pages.
    pub additional_origins: Vec<Url>,
    /// The address of the public listener.
    pub listen: SocketAddr,
    /// The address of the listener for health and metrics.
    pub ops_listen: SocketAddr,
    /// The networks of the proxies that name the client.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they name it.
    pub client_address_header: AddressHeader,
    /// The path for probes of load balancers.
    pub health_path: Option<String>,
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
            "The address for requests of browsers. TLS ends at a proxy in front of the gateway.",
        )
        .allowed("an IP address with a port")
        .or("127.0.0.1:8080", address);
    let ops_listen = section
        .key(
            "ops_listen",
            "The address of /healthz, /readyz and /metrics. Keep it unreachable from the Internet.",
        )
        .allowed("an IP address with a port")
        .or("127.0.0.1:9090", address);
    let trusted_proxies = section
        .key(
            "trusted_proxies",
            "Networks of your reverse proxies, such as \"10.0.0.0/8\". X-Forwarded-For is used only \
             when the peer is in this list; otherwise the peer is the client. With http:// in public_url \
             it may be left out.",
        )
        .allowed("a list of IP addresses and networks, /8 or narrower (IPv6: /16)")
        .list_or_else(&["127.0.0.1", "::1"], list_of(network), || match &public_url {
            // TLS ends at a proxy, so requests come from a proxy.
            Ok(url) if url.scheme() == "https" => Err(Refusal::new(
                "is missing",
                "list the addresses of the proxies in front, such as [\"127.0.0.1\"]; without them all \
                 users count as one client. Write [] if no proxy sends X-Forwarded-For",
            )),
            _ => Ok(Vec::new()),
        });
    let client_address_header = section
        .key(
            "client_address_header",
            "The header in which trusted_proxies name the client. \"auto\" reads X-Forwarded-For, and Forwarded \
             in requests without it. Choose \"forwarded\" if your proxies send Forwarded only: then a client \
             cannot add the other header.",
        )
        .word(
            &[
                ("auto", AddressHeader::Either),
                ("x-forwarded-for", AddressHeader::XForwardedFor),
                ("forwarded", AddressHeader::Forwarded),
            ],
            AddressHeader::Either,
        );
    let health_path = section
        .key(
            "health_path",
            "A path that answers GET and HEAD with 200 whatever the Host header says, for load balancers that \
             probe by address. It never reaches the application.",
        )
        .allowed("\"/_mfa/health\", or a path outside /_mfa/")
        .optional("/_mfa/health", "off", health_path);
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
        trusted_proxies: trusted_proxies?,
        client_address_header: client_address_header?,
        health_path: health_path?,
        stop_timeout: stop_timeout?,
        data_dir: data_dir?,
        service_name: service_name?,
        default_language: default_language?,
        time_zone: time_zone?,
        support_url: support_url?,
        secret: secret?,
    })
}

fn address(text: &str) -> Result<SocketAddr, Refusal> {
    text.parse().map_err(|_| {
        let what = format!("{text:?} is not an IP address with a port");
        Refusal::new(what, "write \"127.0.0.1:8080\"")
    })
}

fn network(text: &str) -> Result<IpNet, Refusal> {
    let one_address = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>().or_else(|_| one_address()).map_err(|_| {
        let what = format!("holds {text:?}, which is not a network");
        Refusal::new(what, "use CIDR notation such as \"10.0.0.0/8\", or one address")
    })?;
    let network = without_mapping(network);
    let min_prefix = if network.addr().is_ipv4() { MIN_PREFIX_IPV4 } else { MIN_PREFIX_IPV6 };
    if network.prefix_len() < min_prefix {
        let what = format!("holds {text:?}, which is wider than /{min_prefix}");
        return Err(Refusal::new(
            what,
            "name the networks of your proxies alone: each machine in them can pose as any client",
        ));
    }
    Ok(network)
}

/// Writes `::ffff:10.0.0.0/104` as `10.0.0.0/8`, because addresses of clients are compared in this form.
fn without_mapping(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let unmapped = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    let unmapped = unmapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    unmapped.map_or(network, IpNet::V4)
}

fn health_path(text: &str) -> Result<String, Refusal> {
    let is_path = NormalPath::parse(text).is_ok_and(|path| path.as_str() == text);
    let own = text.strip_prefix(Site::DEFAULT_PREFIX);
    if !is_path
        || !has_one_reading(text)
        || text.ends_with('/')
        || own.is_some_and(|own| own != HEALTH)
    {
        let what = format!("{text:?} is not a path for it");
        return Err(Refusal::new(
            what,
            "write \"/_mfa/health\", or a path outside /_mfa/ such as \"/healthz\"",
        ));
    }
    Ok(text.to_owned())
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
    use crate::config::document::{problems_in, read_from};

    const REQUIRED: &str = "public_url = \"https://a.example\"\ndata_dir = \"data\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n";

    fn problems(text: &str) -> String {
        problems_in(&format!("{REQUIRED}{text}"), read).join("\n")
    }

    /// As [`problems`], for a file that lists no proxy.
    fn problems_without_proxy(text: &str) -> String {
        problems(&format!("trusted_proxies = []\n{text}"))
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
            "4:10: listen: \"8080\" is not an IP address with a port; ",
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
        let found = problems_without_proxy("more_origins = []\nsupport = \"https://a.example\"\n");
        assert!(found.contains("more_origins: is now called additional_origins; write"), "{found}");
        assert!(found.contains("support: is now called support_url; write"), "{found}");
    }

    #[test]
    fn plain_http_needs_the_flag() {
        let text = "additional_origins = [\"http://localhost:8080\"]\ninsecure_http = true\n";
        assert_eq!(problems_without_proxy(text), "");
    }

    #[test]
    fn behind_tls_the_proxies_have_to_be_listed() {
        let found = problems("");
        let remedy = "1:1: trusted_proxies: is missing; list the addresses of the proxies in front";
        assert!(found.starts_with(remedy) && found.lines().count() == 1, "{found}");
        assert_eq!(problems("trusted_proxies = []"), "");
        assert_eq!(problems("trusted_proxies = [\"127.0.0.1\", \"fd00::/16\"]"), "");
        // A test on one machine without TLS has no proxy.
        let plain = REQUIRED.replace("https", "http");
        let plain = read_from(&format!("{plain}insecure_http = true\n"), read).expect("valid");
        assert!(plain.trusted_proxies.is_empty());
    }

    #[test]
    fn a_wide_network_of_proxies_is_refused() {
        for (network, width) in [
            ("0.0.0.0/0", 8),
            ("10.0.0.0/7", 8),
            ("::/0", 16),
            ("2001:db8::/15", 16),
            ("::ffff:0:0/96", 8),
            ("::ffff:10.0.0.0/103", 8),
        ] {
            let found = problems(&format!("trusted_proxies = [{network:?}]"));
            let what =
                format!("trusted_proxies: holds {network:?}, which is wider than /{width}; name");
            assert!(found.contains(&what), "{found}");
        }
        for network in ["10.0.0.0/8", "2001::/16"] {
            assert_eq!(problems(&format!("trusted_proxies = [{network:?}]")), "", "{network}");
        }
        let mapped = network("::ffff:10.0.0.0/104").expect("a network");
        assert_eq!(mapped.to_string(), "10.0.0.0/8");
        assert_eq!(network("::ffff:10.0.0.1").expect("an address").to_string(), "10.0.0.1/32");
    }

    #[test]
    fn a_health_path_is_no_page_of_the_gateway() {
        for path in ["/_mfa/health", "/healthz", "/status/up.txt"] {
            assert_eq!(problems_without_proxy(&format!("health_path = {path:?}")), "", "{path}");
        }
        for path in [
            "",
            "healthz",
            "/",
            "/_mfa/",
            "/_mfa/login",
            "/_mfa/health/",
            "/a//b",
            "/a%2Fb",
            "/a b",
            "/a?b",
            "/../a",
        ] {
            let found = problems_without_proxy(&format!("health_path = {path:?}"));
            assert!(
                found.contains(&format!("health_path: {path:?} is not a path for it; write")),
                "{path}: {found}"
            );
        }
    }
}
