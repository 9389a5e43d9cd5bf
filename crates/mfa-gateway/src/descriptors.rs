//! The limit of open files, and the number of connections that it allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A client's connection, and one to the application for its request.
const PER_CONNECTION: u64 = 2;
/// The stores, the provider, the operations listener, and connections that are being closed.
const RESERVED: u64 = 224;
/// With fewer connections than this the gateway does not start.
const MIN_CONNECTIONS: u64 = 32;

/// Raises the limit of open files as far as this process may, and returns the number of connections that it
/// allows: `wanted` at most.
///
/// # Errors
///
/// When the limit is too small for the gateway.
pub(crate) fn max_connections(wanted: usize) -> anyhow::Result<usize> {
    let limit = raise_limit();
    let Some(allowed) = connections_within(limit, wanted) else {
        let needed = RESERVED + PER_CONNECTION * MIN_CONNECTIONS;
        anyhow::bail!(
            "the limit of open files is {limit}, and the gateway needs at least {needed}; raise it: \
             LimitNOFILE= for systemd, or ulimit -n"
        );
    };
    if allowed < wanted {
        tracing::warn!(
            event = "gateway.connections_limited",
            limit,
            connections = allowed,
            wanted,
            "the limit of open files allows fewer connections than connections.max_total"
        );
    }
    Ok(allowed)
}

/// Sets the soft limit to the hard one, and returns it.
fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { raised } else { limit };
    now.current.unwrap_or(u64::MAX)
}

fn connections_within(limit: u64, wanted: usize) -> Option<usize> {
    let allowed = limit.saturating_sub(RESERVED) / PER_CONNECTION;
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
    let wanted_or_less = wanted.min(allowed);
    (allowed as u64 >= MIN_CONNECTIONS).then_some(wanted_or_less)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_bounds_the_connections() {
        for (limit, wanted, allowed) in [
            (u64::MAX, 8192, Some(8192)),
            (16_608, 8192, Some(8192)),
            (16_607, 8192, Some(8191)),
            (1024, 8192, Some(400)),
            (288, 8192, Some(32)),
            (287, 8192, None),
            (0, 64, None),
        ] {
            assert_eq!(connections_within(limit, wanted), allowed, "{limit}");
        }
    }
}
