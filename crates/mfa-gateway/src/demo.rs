//! The whole system on one machine: simulator, sample application and gateway, over real HTTP.

mod application;
mod browser;
mod timings;
mod walk;

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use auth_module::{LoginName, NewPassword, NewUser};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use karaden_sim::{Sim, SimConfig};
use mfa_pages::Site;
use mfa_plugin_api::Randomness as _;
use mfa_proxy::serve;
use otp_core::PhoneNumber;
use secrecy::SecretString;
use serde::Serialize;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{application::Application, timings::Timings};
use crate::{
    cli::{DemoArgs, SenderKind},
    config::Config,
    print,
    running::{Running, listen, start, stop_signal},
    time::{Clock, SharedClock, SystemClock, SystemRandomness},
};

/// A user of the demo.
#[derive(Debug, Clone, Copy, Serialize)]
struct DemoUser {
    username: &'static str,
    password: &'static str,
    phone: &'static str,
    #[serde(skip)]
    display_name: &'static str,
}

/// Printed for everyone to see, so nothing else may ever use them.
const USERS: [DemoUser; 2] = [
    DemoUser {
        username: "alice",
        password: "alice-demo-pass",
        phone: "09012345678",
        display_name: "Alice",
    },
    DemoUser {
        username: "bob",
        password: "bob-demo-pass",
        phone: "08087654321",
        display_name: "Bob",
    },
];

const SERVICE_NAME: &str = "Demo";

/// What the demo tells programs once it is ready.
#[derive(Debug, Serialize)]
struct Ready<'a> {
    gateway_url: &'a str,
    login_url: String,
    application_url: &'a str,
    simulator_url: &'a str,
    inbox_url: String,
    ops_url: &'a str,
    data_dir: &'a Path,
    users: &'a [DemoUser],
    pid: u32,
}

/// The machine's clock, and how far a walk has moved it on.
#[derive(Debug, Default)]
pub(super) struct DemoClock(AtomicU64);

impl DemoClock {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for DemoClock {
    fn now(&self) -> SystemTime {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// Where everything of a running demo is.
#[derive(Debug)]
pub(super) struct Demo {
    gateway_url: String,
    simulator_url: String,
    application_url: String,
    ops_url: String,
    data_dir: PathBuf,
    /// Removes the data folder at the end, if it is the demo's own.
    temporary: Option<tempfile::TempDir>,
    /// The gateway's clock, which a walk moves on instead of waiting.
    clock: Arc<DemoClock>,
    simulator: karaden_sim::Running,
    gateway: Running,
    stop_application: CancellationToken,
    application: TaskTracker,
}

/// Runs the demo until it is told to stop, or until the walk is over; says whether all went well.
pub(crate) async fn run(args: &DemoArgs) -> anyhow::Result<bool> {
    if args.walk {
        let timings = Timings::start();
        let demo = Demo::start(args).await?;
        let is_good = walk::walk(&demo, &timings).await?;
        demo.stop().await?;
        return Ok(is_good);
    }
    crate::logging::start(true, "warn");
    let demo = Demo::start(args).await?;
    print(&if args.json { demo.as_json()? } else { demo.as_words(args.sender) })?;
    stop_signal().await?;
    demo.stop().await?;
    Ok(true)
}

impl Demo {
    async fn start(args: &DemoArgs) -> anyhow::Result<Self> {
        for address in [args.listen, args.sim_listen, args.ops_listen] {
            anyhow::ensure!(
                address.ip().is_loopback(),
                "the demo has printed passwords and listens on this machine alone; {address} is not on it"
            );
        }
        let (data_dir, temporary) = data_dir(args.data_dir.as_deref())?;
        let demo_clock = Arc::new(DemoClock::default());
        let clock: SharedClock = Arc::clone(&demo_clock) as _;
        let listener = listen(args.listen).await?;
        let ops_listener = listen(args.ops_listen).await?;
        let simulator = Sim::start(SimConfig { listen: args.sim_listen, ..SimConfig::default() })
            .await
            .with_context(|| format!("cannot start the simulator on {}", args.sim_listen))?;
        let gateway_url = local_url(listener.local_addr()?);
        let stop_application = CancellationToken::new();
        let (application, application_at) =
            start_application(&clock, stop_application.clone()).await?;
        let application_url = format!("http://{application_at}");
        let text = configuration(
            &gateway_url,
            listener.local_addr()?,
            &application_url,
            &simulator.url(),
            args.sender,
        );
        let file = data_dir.join("gateway.toml");
        ensure_own(&file)?;
        write_private(&file, &text)?;
        make_secrets(&data_dir)?;
        let config = Config::load(&file)?;
        let gateway = start(&config, listener, ops_listener, clock).await?;
        add_users(&gateway).await?;
        Ok(Self {
            gateway_url,
            simulator_url: local_url(simulator.addr()),
            application_url,
            ops_url: local_url(gateway.ops_address),
            data_dir,
            temporary,
            clock: demo_clock,
            simulator,
            gateway,
            stop_application,
            application,
        })
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.gateway.shut_down(Duration::ZERO).await;
        self.simulator.shutdown().await;
        self.stop_application.cancel();
        self.application.close();
        self.application.wait().await;
        Ok(())
    }

    fn as_json(&self) -> anyhow::Result<String> {
        let ready = Ready {
            gateway_url: &self.gateway_url,
            login_url: format!("{}/_mfa/login", self.gateway_url),
            application_url: &self.application_url,
            simulator_url: &self.simulator_url,
            inbox_url: format!("{}/", self.simulator_url),
            ops_url: &self.ops_url,
            data_dir: &self.data_dir,
            users: &USERS,
            pid: std::process::id(),
        };
        Ok(format!("{}\n", serde_json::to_string(&ready)?))
    }

    fn as_words(&self, sender: SenderKind) -> String {
        let api = match sender {
            SenderKind::Sms => "Karaden SMS API",
            SenderKind::Push => "空電プッシュ v2",
        };
        let mut words = format!(
            "\nThe whole system is running on this machine. No text message really leaves it.\n\n\
             \x20 Protected application  {}/          (behind the gateway)\n\
             \x20 Phone inbox            {}/          (simulated {api})\n\
             \x20 Health and metrics     {}/readyz, {}/metrics\n\n\
             \x20 User      Password          Phone\n",
            self.gateway_url, self.simulator_url, self.ops_url, self.ops_url,
        );
        for user in USERS {
            // Writing to a string cannot fail.
            let _ =
                writeln!(words, "  {:<8}  {:<16}  {}", user.username, user.password, user.phone);
        }
        let _ = write!(
            words,
            "\nTry it:\n\
             \x20 1. Open {} and log in as alice.\n\
             \x20 2. Open {} in another tab and read the code there.\n\
             \x20 3. Type the code; you are in. {}/public/ needs no login, {}/admin/ one of the last ten minutes.\n\n\
             Everything is kept in {}{}.\n\
             Stop with Ctrl-C.\n",
            self.gateway_url,
            self.simulator_url,
            self.gateway_url,
            self.gateway_url,
            self.data_dir.display(),
            if self.temporary.is_some() { " until then" } else { "" },
        );
        words
    }
}

/// `localhost` reads better than an address, and browsers treat both as trustworthy.
fn local_url(address: SocketAddr) -> String {
    if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

fn data_dir(given: Option<&Path>) -> anyhow::Result<(PathBuf, Option<tempfile::TempDir>)> {
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

/// Refuses a folder that belongs to a real gateway: the demo would overwrite its configuration and
/// add users whose passwords everyone knows.
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
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Keys of this data folder's own; kept from one run to the next.
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

/// The demo's configuration: what a real one looks like, but for plain HTTP on this machine.
fn configuration(
    gateway_url: &str,
    listen: SocketAddr,
    application_url: &str,
    simulator_url: &str,
    sender: SenderKind,
) -> String {
    let defaults = SimConfig::default();
    let (project, account) = (&defaults.projects[0], &defaults.push_accounts[0]);
    use secrecy::ExposeSecret as _;
    let sender = match sender {
        SenderKind::Sms => format!(
            "[sms.karaden_sms]\nbase_url = \"{simulator_url}/api\"\ntenant_id = \"{}\"\ntoken = \"{}\"\nservice_id = {}\n",
            project.tenant_id,
            project.api_token.expose_secret(),
            project.service_ids[0],
        ),
        SenderKind::Push => format!(
            "[sms.karaden_push]\nbase_url = \"{simulator_url}/v2\"\ntoken = \"{}\"\nsecurity_code = \"{}\"\n",
            account.token.expose_secret(),
            account.security_code.expose_secret(),
        ),
    };
    let port = listen.port();
    format!(
        r#"{MARK}
[gateway]
public_url = "{gateway_url}"
more_origins = ["http://127.0.0.1:{port}", "http://[::1]:{port}", "http://localhost:{port}"]
insecure_http = true
listen = "{listen}"
data_dir = "."
service_name = "{SERVICE_NAME}"
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
product_name = "{SERVICE_NAME}"
host = "localhost"
insecure_http = true

{sender}"#
    )
}

async fn start_application(
    clock: &SharedClock,
    stop: CancellationToken,
) -> anyhow::Result<(TaskTracker, SocketAddr)> {
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.local_addr()?;
    let application =
        Arc::new(Application { site: Site::new(SERVICE_NAME), clock: Arc::clone(clock) });
    let tasks = TaskTracker::new();
    tasks.spawn(serve(listener, stop, move |request, peer| {
        Arc::clone(&application).answer(request, peer)
    }));
    Ok((tasks, address))
}

/// Adds the users that the data folder does not know yet.
async fn add_users(gateway: &Running) -> anyhow::Result<()> {
    let app = &gateway.assembled.app;
    for user in USERS {
        let name = LoginName::parse(user.username)?;
        if app.auth.find_user(&name).await?.is_some() {
            continue;
        }
        let mut new = NewUser::new(name);
        user.display_name.clone_into(&mut new.display_name);
        new.phone_number = Some(PhoneNumber::from_japanese(user.phone)?);
        new.password = Some(NewPassword::Plain(SecretString::from(user.password)));
        app.auth.add_user(new, "demo", &*app.randomness, app.clock.now()).await?;
    }
    Ok(())
}
