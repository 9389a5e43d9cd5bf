//! The names by which the simulator can be reached.
//!
//! A web page can point a name of its own to this machine (DNS rebinding). The browser then takes the simulator for
//! a part of that page's site. Only the name in the request still shows it.

use std::net::IpAddr;

use http::{
    StatusCode, Version,
    header::HOST,
    request::Parts,
    uri::{Authority, Uri},
};

use crate::config::SimConfig;

/// Returns the host that a request names, which must be this simulator: a loopback name or address, the address that
/// the connection came to, or a name of the configuration. The port is not looked at.
///
/// # Errors
///
/// 421 for another name (RFC 9110, section 15.5.20); 400 if there is not exactly one valid name (RFC 9112, section
/// 3.2). HTTP/1.0 needs none.
pub(super) fn check(
    parts: &Parts,
    came_to: IpAddr,
    config: &SimConfig,
) -> Result<Option<Authority>, StatusCode> {
    let Some(authority) = named(parts)? else { return Ok(None) };
    let host = authority.host();
    let is_known = is_loopback(host)
        || is_same(host, &came_to.to_string())
        || is_same(host, &config.listen.ip().to_string())
        || config.hosts.iter().any(|name| is_same(host, name))
        || config.public_url.as_deref().and_then(host_of).is_some_and(|name| is_same(host, &name));
    if is_known { Ok(Some(authority)) } else { Err(StatusCode::MISDIRECTED_REQUEST) }
}

/// Returns the name in the target or in `Host`. The target is decisive if both have one.
fn named(parts: &Parts) -> Result<Option<Authority>, StatusCode> {
    if let Some(authority) = parts.uri.authority() {
        return Ok(Some(authority.clone()));
    }
    let mut lines = parts.headers.get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (None, _) if parts.version < Version::HTTP_11 => Ok(None),
        (Some(line), None) if !line.as_bytes().contains(&b'@') => {
            Authority::try_from(line.as_bytes()).map(Some).map_err(|_| StatusCode::BAD_REQUEST)
        }
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

fn host_of(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    url.host().map(str::to_owned)
}

fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    // RFC 6761, section 6.3: these names are always loopback.
    let is_localhost = name == "localhost" || name.ends_with(".localhost");
    is_localhost || address(host).is_some_and(|address| address.is_loopback())
}

fn is_same(one: &str, other: &str) -> bool {
    match (address(one), address(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}

/// Parses an address, with or without the brackets of a URL.
fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok().map(|address: IpAddr| address.to_canonical())
}
