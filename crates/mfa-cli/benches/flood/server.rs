//! The program under test, and the simulator.

use std::{
    fmt::Write as _,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use karaden_sim::{Sim, SimConfig};
use mfa_demo::Browser;

use crate::{PEOPLE, people};

pub(crate) const LOGIN: &str = "/_mfa/login";
pub(crate) const PASSWORD: &str = "correct horse battery";
/// A user who floods with the right password, and one whose number the provider refuses.
pub(crate) const FLOODER: &str = "flooder";
pub(crate) const REFUSED: &str = "refused";
pub(crate) const REFUSED_PHONE: &str = "09099990000";

const BINARY: &str = env!("CARGO_BIN_EXE_mfa-gateway");
/// What shells and service managers usually give.
const DESCRIPTORS: u32 = 1024;

/// A running gateway. It is killed on drop.
pub(crate) struct Server {
    gateway: Child,
    port: u16,
    sim: Arc<Sim>,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let sim = Arc::new(Sim::start(SimConfig::default()).await.unwrap());
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = configure(folder.path(), port, &sim);
        let users = write(folder.path(), "users.csv", &users());
        let import = ["user", "import", "--config", &config, &users];
        let imported = Command::new(BINARY).args(import).stdout(Stdio::null()).status().unwrap();
        assert!(imported.success());
        let limited = format!("ulimit -n {DESCRIPTORS}; exec \"$0\" serve --config \"$1\"");
        let mut serve = Command::new("sh");
        serve.args(["-c", &limited, BINARY, &config]).stdin(Stdio::null());
        let gateway = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { gateway, port, sim, _folder: folder };
        while server.browser("127.0.0.1").get(LOGIN).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// A new browser at this address, with connections of its own.
    pub(crate) fn browser(&self, address: &str) -> Browser {
        let browser = Browser::new(&format!("http://localhost:{}", self.port)).unwrap();
        browser.with_header("x-forwarded-for", address)
    }

    pub(crate) fn sim(&self) -> Arc<Sim> {
        Arc::clone(&self.sim)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.gateway.kill().unwrap();
        self.gateway.wait().unwrap();
    }
}

fn users() -> String {
    let mut csv = "username,phone,password\n".to_owned();
    for n in 0..PEOPLE {
        writeln!(csv, "{},{},{PASSWORD}", people::name(n), people::phone(n)).unwrap();
    }
    writeln!(csv, "{FLOODER},09099980000,{PASSWORD}\n{REFUSED},{REFUSED_PHONE},{PASSWORD}")
        .unwrap();
    csv
}

fn configure(folder: &Path, port: u16, sim: &Sim) -> String {
    let project = SimConfig::default().projects.remove(0);
    let token = secrecy::ExposeSecret::expose_secret(&project.api_token);
    for (name, secret) in [
        ("master.key", "0123456789abcdef0123456789abcdef"),
        ("otp.key", "0123456789abcdef0123456789abcdef"),
        ("karaden.token", token),
    ] {
        write(folder, name, secret);
    }
    let text = format!(
        r#"[gateway]
public_url = "http://localhost:{port}"
insecure_http = true
listen = "127.0.0.1:{port}"
ops_listen = "127.0.0.1:0"
trusted_proxies = ["127.0.0.0/8", "::1"]
data_dir = "."
service_name = "Flood"
secret_file = "master.key"
[application]
url = "http://127.0.0.1:9"
[[otp.key]]
id = 1
secret_file = "otp.key"
[sms]
insecure_http = true
[sms.karaden_sms]
base_url = "{}"
tenant_id = "{}"
service_id = {}
token_file = "karaden.token"
"#,
        sim.sms_url(),
        project.tenant_id,
        project.service_ids[0],
    );
    write(folder, "gateway.toml", &text)
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}
