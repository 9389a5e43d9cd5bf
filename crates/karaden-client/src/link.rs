//! Which URLs of responses are followed.
//!
//! A response names the address to upload a file to and that of a result file. A forged response, or data that others
//! wrote into the provider's, must not lead to services of this machine or of the networks behind it.

use url::{Host, Url};

use crate::{address::is_public, options::Options};

/// A URL of a response that is followed.
pub(crate) struct Link {
    pub(crate) url: Url,
    /// Whether a response chose the host, so that only a public address may be connected to.
    pub(crate) only_public: bool,
}

impl Link {
    /// Checks `url`, which came in a response from `from`. `None` if it is not followed.
    ///
    /// It never leaves https for http, not even on this machine: a server could otherwise make a program call the
    /// machine's other services. The host is that of `from`, or one that the options list. Without a list, any host
    /// with a public address is followed too. If `from` is on this machine, the link may also be.
    pub(crate) fn follow(url: Url, from: &Url, options: &Options) -> Option<Self> {
        let keeps_tls = url.scheme() == "https" || from.scheme() == "http" || options.allow_http;
        if !keeps_tls || !is_safe(&url, options.allow_http) {
            return None;
        }
        let is_near = url.host() == from.host() || (is_loopback(&url) && is_loopback(from));
        let only_public = match &options.storage_hosts {
            _ if is_near => false,
            Some(hosts) if hosts.iter().any(|host| Some(host.as_str()) == url.host_str()) => false,
            None if may_be_public(&url) => true,
            _ => return None,
        };
        Some(Self { url, only_public })
    }
}

/// Returns whether credentials and personal data may be sent to `url`: over https, or over http if
/// that is allowed or stays on this machine.
pub(crate) fn is_safe(url: &Url, allow_http: bool) -> bool {
    let is_safe_http = url.scheme() == "http" && (allow_http || is_loopback(url));
    url.has_host() && (url.scheme() == "https" || is_safe_http)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Returns `false` for an address that is not public, and for names that always mean this machine (RFC 6761). What
/// other names mean is known only when they are resolved.
fn may_be_public(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name != "localhost" && !name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://karaden.example/api/";
    const SIMULATOR: &str = "http://127.0.0.1:8081/api/";

    /// How a link from `from` is followed: to any address, to a public one, or not at all.
    fn followed(url: &str, from: &str, options: &Options) -> &'static str {
        let url = Url::parse(url).expect("a URL");
        let from = Url::parse(from).expect("a URL");
        match Link::follow(url, &from, options) {
            Some(Link { only_public: false, .. }) => "any",
            Some(Link { only_public: true, .. }) => "public",
            None => "no",
        }
    }

    #[test]
    fn a_response_from_outside_leads_to_public_addresses_only() {
        let options = Options::default();
        for (url, expected) in [
            ("https://storage.example/x", "public"),
            ("https://karaden.example/x", "any"),
            ("https://karaden.example:8443/x", "any"),
            ("https://1.1.1.1/x", "public"),
            ("https://[2606:4700::1111]/x", "public"),
            ("http://storage.example/x", "no"),
            ("http://karaden.example/x", "no"),
            ("https://localhost/x", "no"),
            ("https://LOCALHOST./x", "no"),
            ("https://a.localhost/x", "no"),
            ("https://127.0.0.1/x", "no"),
            ("https://0x7f.1/x", "no"),
            ("https://2130706433/x", "no"),
            ("https://10.1.2.3/x", "no"),
            ("https://172.16.0.1/x", "no"),
            ("https://192.168.0.1/x", "no"),
            ("https://169.254.169.254/latest/meta-data", "no"),
            ("https://100.64.0.1/x", "no"),
            ("https://0.0.0.0/x", "no"),
            ("https://[::1]/x", "no"),
            ("https://[fd00::1]/x", "no"),
            ("https://[fe80::1]/x", "no"),
            ("https://[::ffff:10.0.0.1]/x", "no"),
            ("https://[64:ff9b::7f00:1]/x", "no"),
            ("ftp://storage.example/x", "no"),
            ("file:///etc/passwd", "no"),
        ] {
            assert_eq!(followed(url, API, &options), expected, "{url}");
        }
        let plain = options.dangerous_allow_http();
        assert_eq!(followed("http://storage.example/x", API, &plain), "public");
        assert_eq!(followed("http://10.0.0.1/x", API, &plain), "no");
    }

    #[test]
    fn a_response_from_this_machine_may_lead_to_it() {
        let options = Options::default();
        for (url, expected) in [
            ("http://127.0.0.1:8081/storage/x", "any"),
            ("http://localhost:9000/x", "any"),
            ("http://[::1]:9000/x", "any"),
            ("https://storage.example/x", "public"),
            // A program on this machine may pass on what others wrote.
            ("https://10.0.0.1/x", "no"),
            ("https://169.254.169.254/x", "no"),
            ("http://storage.example/x", "no"),
        ] {
            assert_eq!(followed(url, SIMULATOR, &options), expected, "{url}");
        }
    }

    #[test]
    fn only_listed_hosts_and_that_of_the_api_are_followed() {
        let options =
            Options::default().with_storage_hosts(["Storage.example", "10.0.0.1", "[fd00::1]"]);
        for (url, expected) in [
            ("https://storage.example/x", "any"),
            ("https://10.0.0.1/x", "any"),
            ("https://[fd00::1]/x", "any"),
            ("https://karaden.example/x", "any"),
            ("https://other.example/x", "no"),
            ("https://x.storage.example/x", "no"),
            ("https://storage.example.evil.example/x", "no"),
            ("http://storage.example/x", "no"),
            ("https://10.0.0.2/x", "no"),
        ] {
            assert_eq!(followed(url, API, &options), expected, "{url}");
        }
        let none = Options::default().with_storage_hosts(<[&str; 0]>::default());
        assert_eq!(followed("https://storage.example/x", API, &none), "no");
    }
}
