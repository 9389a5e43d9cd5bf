//! Compares the toolchain that builds with the Rust version that the crates state.

use cargo_metadata::semver::Version;
use serde::Deserialize;

use crate::metadata::{self, Metadata};

/// rust-toolchain.toml.
#[derive(Debug, Deserialize)]
pub(crate) struct Toolchain {
    toolchain: Pinned,
}

#[derive(Debug, Deserialize)]
struct Pinned {
    channel: String,
}

/// Finds a toolchain without a version, and a published crate that states another one.
pub(crate) fn check(toolchain: &Toolchain, metadata: &Metadata) -> Vec<String> {
    let channel = &toolchain.toolchain.channel;
    let Ok(pinned) = Version::parse(channel) else {
        return vec![format!("rust-toolchain.toml names {channel}, which is no version")];
    };
    let others = metadata::published(metadata).filter(|package| {
        let stated = package.rust_version.as_ref();
        stated.is_some_and(|stated| (stated.major, stated.minor) != (pinned.major, pinned.minor))
    });
    let finding =
        |name: &str| format!("{name} states another rust-version than rust-toolchain.toml");
    others.map(|package| finding(&package.name)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metadata::made_up::graph;

    fn findings(channel: &str) -> Vec<String> {
        let toolchain = toml::from_str(&format!("[toolchain]\nchannel = \"{channel}\"\n")).unwrap();
        check(&toolchain, &graph(&[json!({"name": "a", "rust_version": "1.95.0"})]))
    }

    #[test]
    fn another_version_or_none_is_found() {
        assert_eq!(findings("1.95.2"), [""; 0]);
        assert_eq!(findings("1.96.0"), ["a states another rust-version than rust-toolchain.toml"]);
        assert_eq!(findings("stable"), ["rust-toolchain.toml names stable, which is no version"]);
    }
}
