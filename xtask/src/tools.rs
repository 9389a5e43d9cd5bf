//! The tools that the commands need on the machine. As root they are installed from Debian's apt; otherwise the
//! error lists every missing package. No system service is started or enabled.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{machine, process};

/// A tool outside of the Rust toolchain that a command needs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Tool {
    /// A browser for the browser tests.
    Chromium,
    /// A C++ compiler, for libFuzzer.
    CxxCompiler,
    /// Glyphs for Japanese pages. Without them screenshots show boxes.
    JapaneseFont,
    /// The vendor's Node SDK, Prism and the browser tests.
    Node,
    /// OpenSSL's headers, for karaden-client's opt-in feature `native-tls` only.
    OpenSslHeaders,
    /// A PostgreSQL server for an example. The example starts a cluster of its own.
    PostgreSql,
    /// The vendor's Python SDK and Schemathesis.
    Python,
    /// A Redis server for the store's Redis backend. The tests start it themselves.
    Redis,
}

impl Tool {
    /// Whether the tool is installed.
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
            Self::PostgreSql => machine::program(&["initdb"]).is_some() || debian_has_initdb(),
            Self::Python => has_python_venv(),
            Self::Redis => {
                machine::program(&["redis-server"]).is_some()
                    && machine::program(&["redis-cli"]).is_some()
            }
        }
    }

    /// Returns the Debian packages that contain the tool.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["chromium"],
            Self::CxxCompiler => &["g++"],
            Self::JapaneseFont => &["fonts-noto-cjk"],
            Self::Node => &["nodejs", "npm"],
            Self::OpenSslHeaders => &["libssl-dev", "pkg-config"],
            Self::PostgreSql => &["postgresql"],
            Self::Python => &["python3", "python3-venv"],
            Self::Redis => &["redis-server", "redis-tools"],
        }
    }
}

/// Installs those of `tools` that are missing.
///
/// # Errors
///
/// If a tool is missing and cannot be installed. The error names all of them.
pub(crate) fn provide(tools: &[Tool]) -> Result<()> {
    let missing = missing(tools);
    if missing.is_empty() {
        eprintln!("all tools are installed");
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages()).copied().collect();
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if machine::program(&["apt-get"]).is_none() || !is_root()? {
        bail!("missing tools: {missing:?}; run as root on Debian: {by_hand}");
    }
    install(&packages).with_context(|| format!("cannot install the missing tools {missing:?}"))?;
    let still = self::missing(tools);
    if still.is_empty() { Ok(()) } else { bail!("still missing after `{by_hand}`: {still:?}") }
}

fn missing(tools: &[Tool]) -> Vec<Tool> {
    tools.iter().copied().filter(|tool| !tool.is_present()).collect()
}

fn install(packages: &[&str]) -> Result<()> {
    let limit = Duration::from_secs(600);
    let forbidden = forbid_service_starts();
    let mut update = Command::new("apt-get");
    update.args(["update", "-qq"]);
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    let outcome = process::run_aside(&mut update, limit, &mut |_| {})
        .and_then(|()| process::run_aside(&mut install, limit, &mut |_| {}));
    if forbidden {
        // The result of the installation counts, not that of the clean-up.
        let _removed = fs::remove_file(POLICY);
    }
    outcome
}

/// Debian runs this program before it starts a package's service. Exit code 101 forbids the start.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Forbids Debian's packages to start their services. Returns whether that has to be undone.
fn forbid_service_starts() -> bool {
    use std::os::unix::fs::PermissionsExt;
    if Path::new(POLICY).exists() || fs::write(POLICY, "#!/bin/sh\nexit 101\n").is_err() {
        return false;
    }
    fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).is_ok()
}

fn is_root() -> Result<bool> {
    Ok(process::output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Whether Python has the modules that make a virtual environment with pip. Debian packages them apart.
fn has_python_venv() -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", "import ensurepip, venv"]).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether a package of Debian has installed `initdb`. It is not in the path of the shell.
fn debian_has_initdb() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin/initdb")).any(|program| program.is_file())
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
    fn provide_without_tools_succeeds() {
        assert!(provide(&[]).is_ok());
    }

    #[test]
    fn every_tool_has_packages() {
        let all = [
            Tool::Chromium,
            Tool::CxxCompiler,
            Tool::JapaneseFont,
            Tool::Node,
            Tool::OpenSslHeaders,
            Tool::PostgreSql,
            Tool::Python,
            Tool::Redis,
        ];
        for tool in all {
            assert!(!tool.packages().is_empty(), "{tool:?}");
        }
    }
}
