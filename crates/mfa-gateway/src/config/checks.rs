//! What no key shows alone: values that contradict one another, and values that are seldom meant.

mod contradictions;
#[cfg(test)]
mod tests;
mod unlikely;

use std::net::IpAddr;

use url::{Host, Url};

pub(super) use self::{contradictions::refuse_contradictions, unlikely::warn};

/// Whether the host of `url` is this machine.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).to_canonical().is_loopback(),
        None => false,
    }
}
