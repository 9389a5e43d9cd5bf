//! The names by which the operations listener can be reached.
//!
//! A web page can point a name of its own to this machine (DNS rebinding). The browser then takes the listener for a
//! part of that page's site. Only the name in the request still shows it.

use std::net::IpAddr;

use http::{Request, StatusCode, Version, header::HOST, uri::Authority};

/// Accepts IP addresses, the names of the loopback interface and `hosts`. The port is not looked at.
///
/// # Errors
///
/// 421 for another name (RFC 9110, section 15.5.20); 400 if there is not exactly one valid name (RFC 9112, section
/// 3.2). HTTP/1.0 needs none.
pub(super) fn check<B>(request: &Request<B>, hosts: &[String]) -> Result<(), StatusCode> {
    let Some(authority) = named(request)? else { return Ok(()) };
    let host = authority.host();
    let is_known = is_address(host)
        || is_loopback(host)
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
    if is_known { Ok(()) } else { Err(StatusCode::MISDIRECTED_REQUEST) }
}

/// Returns the name in the target or in `Host`. The target is decisive if both have one.
fn named<B>(request: &Request<B>) -> Result<Option<Authority>, StatusCode> {
    if let Some(authority) = request.uri().authority() {
        return Ok(Some(authority.clone()));
    }
    let mut lines = request.headers().get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (None, _) if request.version() < Version::HTTP_11 => Ok(None),
        (Some(line), None) if !line.as_bytes().contains(&b'@') => {
            Authority::try_from(line.as_bytes()).map(Some).map_err(|_| StatusCode::BAD_REQUEST)
        }
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// Whether this is an address, with or without the brackets of a URL.
fn is_address(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().is_ok()
}

fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    // RFC 6761, section 6.3: these names are always loopback.
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_with(version: Version, lines: &[&str], expected: Result<(), u16>) {
        let mut request = Request::builder().version(version).uri("/metrics");
        for line in lines {
            request = request.header(HOST, *line);
        }
        let request = request.body(()).expect("a request");
        let checked = check(&request, &["gateway.internal".to_owned()]);
        assert_eq!(checked.map_err(|status| status.as_u16()), expected, "{lines:?}");
    }

    #[test]
    fn only_addresses_loopback_names_and_names_of_the_configuration_are_accepted() {
        for known in [
            "localhost",
            "LOCALHOST:9090",
            "a.localhost.",
            "127.0.0.1:9090",
            "10.0.0.7",
            "[::1]:9090",
            "[2001:db8::7]",
            "Gateway.Internal:9090",
        ] {
            check_with(Version::HTTP_11, &[known], Ok(()));
        }
        for unknown in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "gateway.internal.evil.example",
            "a.gateway.internal",
        ] {
            check_with(Version::HTTP_11, &[unknown], Err(421));
        }
        for bad in [&[][..], &["localhost", "localhost"], &[""], &["a@localhost"], &["a b"]] {
            check_with(Version::HTTP_11, bad, Err(400));
        }
        check_with(Version::HTTP_10, &[], Ok(()));
    }

    #[test]
    fn the_target_is_decisive() {
        let request = Request::builder().uri("http://evil.example/metrics");
        let request = request.header(HOST, "localhost").body(()).expect("a request");
        assert_eq!(check(&request, &[]), Err(StatusCode::MISDIRECTED_REQUEST));
    }
}
