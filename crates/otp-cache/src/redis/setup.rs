//! Checks that the servers do not lose data by their configuration.

use super::{
    config::RedisConfig,
    link::Link,
    scripts::{infos, to_store_error},
};
use crate::{StoreError, StoreErrorKind};

/// Connects and checks every primary. One that may lose data is enough to refuse.
pub(super) async fn check(link: &Link, config: &RedisConfig) -> Result<(), StoreError> {
    link.reach().await.map_err(to_store_error)?;
    if !config.eviction_allowed && !infos(link, "memory").await?.iter().all(|i| never_evicts(i)) {
        return Err(StoreError::new(
            StoreErrorKind::Misconfigured,
            "redis may evict keys: set maxmemory-policy to noeviction",
        ));
    }
    if !config.volatile_allowed
        && !infos(link, "persistence").await?.iter().all(|i| has_append_only_file(i))
    {
        return Err(StoreError::new(
            StoreErrorKind::Misconfigured,
            "redis would lose data at a restart: set appendonly to yes",
        ));
    }
    Ok(())
}

/// Whether the server reports that it evicts no keys. A server that does not report it may evict.
fn never_evicts(info: &str) -> bool {
    value(info, "maxmemory_policy") == Some("noeviction")
}

/// Whether the server reports an append-only file.
fn has_append_only_file(info: &str) -> bool {
    value(info, "aof_enabled") == Some("1")
}

fn value<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_say_that_it_keeps_everything_may_evict() {
        assert!(never_evicts("# Memory\r\nused_memory:1\r\nmaxmemory_policy:noeviction\r\n"));
        for info in
            ["", "# Memory\r\n", "maxmemory_policy:\r\n", "maxmemory_policy:volatile-lru\r\n"]
        {
            assert!(!never_evicts(info), "{info:?}");
        }
    }

    #[test]
    fn a_server_that_does_not_say_that_it_keeps_a_file_may_forget() {
        assert!(has_append_only_file(
            "# Persistence\r\nloading:0\r\naof_enabled:1\r\naof_rewrites:0\r\n"
        ));
        for info in ["", "# Persistence\r\n", "aof_enabled:0\r\n", "aof_enabled_not:1\r\n"] {
            assert!(!has_append_only_file(info), "{info:?}");
        }
    }
}
