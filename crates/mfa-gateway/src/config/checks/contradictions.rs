//! Values that cannot both be meant.

use auth_module::{Access, Rule};
use mfa_proxy::ListenAddress;
use url::{Origin, Url};

use super::local::is_local;
use crate::config::{
    data_dir,
    document::{Reported, Section},
    problem::Refusal,
    values::Config,
};

/// Reports every pair of values that cannot both be meant.
pub(in crate::config) fn refuse_contradictions(
    root: &Section<'_>,
    config: &Config,
) -> Result<(), Reported> {
    [
        root.ensure_at_most(
            ("otp.lifetime", config.otp.lifetime),
            ("sessions.login_timeout", config.sessions.login_timeout),
        ),
        refuse_ages_beyond_the_session(root, config),
        refuse_shared_address(root, config),
        refuse_own_address(root, config),
        data_dir::check(&config.gateway.data_dir)
            .map_err(|refusal| root.problem("gateway.data_dir", refusal)),
    ]
    .into_iter()
    .fold(Ok(()), Result::and)
}

/// A session that ends first never asks for a factor again.
fn refuse_ages_beyond_the_session(root: &Section<'_>, config: &Config) -> Result<(), Reported> {
    let max_age = |rule: &Rule| match rule.access() {
        Access::Protected(requirement) => requirement.step_up().map(|step_up| step_up.within),
        Access::Public => None,
    };
    let check = |(position, rule): (usize, &Rule)| match max_age(rule) {
        Some(age) => root.ensure_at_most(
            (&format!("rule[{position}].max_age"), age),
            ("sessions.absolute_timeout", config.sessions.absolute_timeout),
        ),
        None => Ok(()),
    };
    config.policy.rules().iter().enumerate().map(check).fold(Ok(()), Result::and)
}

fn refuse_shared_address(root: &Section<'_>, config: &Config) -> Result<(), Reported> {
    let (one, other) = (&config.gateway.listen, &config.gateway.ops_listen);
    if !is_same_place(one, other) {
        return Ok(());
    }
    let refusal = Refusal::new(
        ("is the address of gateway.listen too", "gateway.listenと同じアドレスです"),
        ("choose another port", "別のポートを指定してください"),
    );
    Err(root.problem("gateway.ops_listen", refusal))
}

/// Whether two listeners would be in each other's way. With port 0 the system chooses.
fn is_same_place(one: &ListenAddress, other: &ListenAddress) -> bool {
    let (ListenAddress::Socket(one), ListenAddress::Socket(other)) = (one, other) else {
        return one == other;
    };
    let (one_ip, other_ip) = (one.ip(), other.ip());
    let overlaps = one_ip == other_ip || one_ip.is_unspecified() || other_ip.is_unspecified();
    one.port() != 0 && one.port() == other.port() && overlaps
}

/// The gateway would send each request to itself.
fn refuse_own_address(root: &Section<'_>, config: &Config) -> Result<(), Reported> {
    let (gateway, application) = (&config.gateway, &config.application.url);
    let origins: Vec<Origin> = std::iter::once(&gateway.public_url)
        .chain(&gateway.additional_origins)
        .map(Url::origin)
        .collect();
    let host = application.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_listener = |listener: &ListenAddress| {
        let listener = match listener {
            ListenAddress::Host { name, port } => {
                return host.eq_ignore_ascii_case(name)
                    && application.port_or_known_default() == Some(*port);
            }
            ListenAddress::Socket(address) => address,
            ListenAddress::Unix(_) => return false,
        };
        let ip = listener.ip();
        let is_here = host == ip.to_string()
            || is_local(application) && (ip.is_loopback() || ip.is_unspecified());
        is_here && application.port_or_known_default() == Some(listener.port())
    };
    let is_own = origins.contains(&application.origin())
        || [&gateway.listen, &gateway.ops_listen].into_iter().any(is_listener);
    if !is_own {
        return Ok(());
    }
    let refusal = Refusal::new(
        ("is an address of the gateway itself", "ゲートウェイ自身のアドレスです"),
        (
            "write where the application listens",
            "アプリケーションが待ち受けるアドレスを書いてください",
        ),
    );
    Err(root.problem("application.url", refusal))
}
