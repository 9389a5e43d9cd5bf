//! What the chores need on the machine, and getting it: from Debian's apt when this run is root,
//! otherwise by naming every missing package at once. No system service is started or enabled.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{machine, process};

/// Something outside of the Rust toolchain that a chore needs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Tool {
    /// A browser for the browser tests.
    Chromium,
    /// A C++ compiler, for libFuzzer.
    CxxCompiler,
    /// Glyphs for Japanese pages, without which screenshots show boxes.
    JapaneseFont,
    /// The vendor's Node SDK, Prism and the browser tests.
    Node,
    /// OpenSSL's headers, for karaden-client's opt-in feature `native-tls` only.
    OpenSslHeaders,
    /// The vendor's Python SDK.
    Python,
    /// A real Redis for the store's Redis backend; the tests start it themselves.
    Redis,
}

impl Tool {
    /// Whether it is there.
    fn is_present(self) -> bool {
        match self {
            Self::Chromium => {
                machine::program(&["chromium", "chromium-browser", "google-chrome"]).is_some()
            }
            Self::CxxCompiler => machine::program(&["c++"]).is_some(),
            Self::JapaneseFont => font_folder_has("noto", "CJK"),
            Self::Node => {
                machine::program(&["node"]).is_some() && machine::program(&["npm"]).is_some()
            }
            Self::OpenSslHeaders => {
                let headers = ["/usr/include/openssl/ssl.h", "/usr/local/include/openssl/ssl.h"];
                machine::program(&["pkg-config"]).is_some()
                    && headers.iter().any(|path| Path::new(path).is_file())
            }
            Self::Python => has_python_venv(),
            Self::Redis => {
                machine::program(&["redis-server"]).is_some()
                    && machine::program(&["redis-cli"]).is_some()
            }
        }
    }

    /// Its packages in Debian.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["chromium"],
            Self::CxxCompiler => &["g++"],
            Self::JapaneseFont => &["fonts-noto-cjk"],
            Self::Node => &["nodejs", "npm"],
            Self::OpenSslHeaders => &["libssl-dev", "pkg-config"],
            Self::Python => &["python3", "python3-venv"],
            Self::Redis => &["redis-server", "redis-tools"],
        }
    }
}

/// Sees to it that every one of `tools` is there.
///
/// # Errors
///
/// When something is missing and cannot be installed; the error names all of it.
pub(crate) fn provide(tools: &[Tool]) -> Result<()> {
    let missing = missing(tools);
    if missing.is_empty() {
        eprintln!("nothing is missing");
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages()).copied().collect();
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if machine::program(&["apt-get"]).is_none() || !is_root()? {
        bail!("missing: {missing:?}; as root on Debian: {by_hand}");
    }
    install(&packages).with_context(|| format!("installing what is missing: {missing:?}"))?;
    let still = self::missing(tools);
    if still.is_empty() { Ok(()) } else { bail!("still missing after `{by_hand}`: {still:?}") }
}

fn missing(tools: &[Tool]) -> Vec<Tool> {
    tools.iter().copied().filter(|tool| !tool.is_present()).collect()
}

fn install(packages: &[&str]) -> Result<()> {
    let limit = Duration::from_secs(600);
    let held_back = hold_services_back();
    let mut update = Command::new("apt-get");
    update.args(["update", "-qq"]);
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    let outcome = process::run_aside(&mut update, limit, &mut |_| {})
        .and_then(|()| process::run_aside(&mut install, limit, &mut |_| {}));
    if held_back {
        let _gone = fs::remove_file(POLICY);
    }
    outcome
}

/// Debian asks this program before a package's service is started.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Tells Debian's packages not to start their services; true if that has to be undone.
fn hold_services_back() -> bool {
    use std::os::unix::fs::PermissionsExt;
    if Path::new(POLICY).exists() || fs::write(POLICY, "#!/bin/sh\nexit 101\n").is_err() {
        return false;
    }
    fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).is_ok()
}

fn is_root() -> Result<bool> {
    Ok(process::output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Python can be there without the module that makes virtual environments with pip in them.
fn has_python_venv() -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", "import ensurepip, venv"]).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn font_folder_has(folder: &str, part: &str) -> bool {
    let roots = ["/usr/share/fonts/opentype", "/usr/share/fonts/truetype"];
    roots.iter().filter_map(|root| fs::read_dir(Path::new(root).join(folder)).ok()).any(|entries| {
        entries
            .filter_map(Result::ok)
            .any(|entry| entry.file_name().to_string_lossy().contains(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asked_for_is_nothing_missing() {
        assert!(provide(&[]).is_ok());
    }

    #[test]
    fn every_tool_names_its_packages() {
        let all = [
            Tool::Chromium,
            Tool::CxxCompiler,
            Tool::JapaneseFont,
            Tool::Node,
            Tool::OpenSslHeaders,
            Tool::Python,
            Tool::Redis,
        ];
        for tool in all {
            assert!(!tool.packages().is_empty(), "{tool:?}");
        }
    }
}
