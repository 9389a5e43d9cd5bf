//! The demo's data folder: its configuration and its keys.

use std::{
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use karaden_sim::SimConfig;
use mfa_gateway::time::SystemRandomness;
use mfa_plugin_api::Randomness as _;
use secrecy::ExposeSecret as _;

use crate::options::Sender;

/// The name of the service on every page and in each message, in Japanese and English.
pub(crate) const SERVICE_NAME: (&str, &str) = ("みなと図書室", "Minato Library");

/// The addresses of the demo's parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses<'a> {
    pub(crate) gateway_url: &'a str,
    pub(crate) listen: SocketAddr,
    pub(crate) application_url: &'a str,
    pub(crate) simulator_url: &'a str,
}

/// Writes configuration and keys into `data_dir`, and returns the path of the configuration.
pub(crate) fn write(
    data_dir: &Path,
    addresses: &Addresses<'_>,
    sender: Sender,
) -> anyhow::Result<PathBuf> {
    let file = data_dir.join("gateway.toml");
    ensure_own(&file)?;
    write_private(&file, &text(addresses, sender))?;
    make_secrets(data_dir)?;
    Ok(file)
}

/// Makes the data folder: `given`, or a temporary one.
pub(crate) fn data_dir(
    given: Option<&Path>,
) -> anyhow::Result<(PathBuf, Option<tempfile::TempDir>)> {
    let Some(folder) = given else {
        let temporary = tempfile::Builder::new().prefix("mfa-demo-").tempdir()?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    Ok((folder.canonicalize()?, None))
}

/// The first line of a configuration that the demo may overwrite.
const MARK: &str = "# Written by `mfa-gateway demo` at each start.";

/// Refuses the folder of a real gateway. The demo would overwrite its configuration and add users with
/// public passwords.
fn ensure_own(file: &Path) -> anyhow::Result<()> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            anyhow::ensure!(
                text.starts_with(MARK),
                "{} is not the demo's; name another folder",
                file.display()
            );
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Generates the keys of this data folder, unless an earlier run did.
fn make_secrets(data_dir: &Path) -> anyhow::Result<()> {
    for name in ["master.key", "otp.key"] {
        let file = data_dir.join(name);
        if !file.exists() {
            let mut key = [0; 48];
            SystemRandomness.fill(&mut key)?;
            write_private(&file, &STANDARD.encode(key))?;
        }
    }
    Ok(())
}

/// Returns the configuration. It is like a real one, except for plain HTTP on this machine.
fn text(addresses: &Addresses<'_>, sender: Sender) -> String {
    let Addresses { gateway_url, listen, application_url, simulator_url } = *addresses;
    let defaults = SimConfig::default();
    let (project, account) = (&defaults.projects[0], &defaults.push_accounts[0]);
    let sender = match sender {
        Sender::Sms => format!(
            "[sms.karaden_sms]\nbase_url = \"{simulator_url}/api\"\ntenant_id = \"{}\"\ntoken = \"{}\"\nservice_id = {}\n",
            project.tenant_id,
            project.api_token.expose_secret(),
            project.service_ids[0],
        ),
        Sender::Push => format!(
            "[sms.karaden_push]\nbase_url = \"{simulator_url}/v2\"\ntoken = \"{}\"\nsecurity_code = \"{}\"\n",
            account.token.expose_secret(),
            account.security_code.expose_secret(),
        ),
    };
    let (port, (ja, en)) = (listen.port(), SERVICE_NAME);
    format!(
        r#"{MARK}
[gateway]
public_url = "{gateway_url}"
additional_origins = ["http://127.0.0.1:{port}", "http://[::1]:{port}", "http://localhost:{port}"]
insecure_http = true
listen = "{listen}"
ops_listen = "127.0.0.1:0"
data_dir = "."
service_name = {{ ja = "{ja}", en = "{en}" }}
secret_file = "master.key"

[application]
url = "{application_url}"

[[rule]]
path = "/public/"
access = "public"

[[rule]]
path = "/admin/"
factors = ["password", "sms-otp"]
max_age = "10m"

[[otp.key]]
id = 1
secret_file = "otp.key"

[sms]
host = "localhost"
insecure_http = true

{sender}"#
    )
}
