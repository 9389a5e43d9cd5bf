//! Starting and stopping the demo: simulator, sample application and gateway.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use karaden_sim::{Sim, SimConfig};
use mfa_gateway::{
    builder::GatewayBuilder,
    config::Config,
    running::{Running, listen},
    time::SharedClock,
};
use mfa_proxy::serve;
use serde::Serialize;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    application::Application,
    clock::DemoClock,
    configuration::{self, SERVICE_NAME},
    options::{Options, Sender},
    sample,
    users::{self, DemoUser, USERS},
};

/// The facts that a program gets when the demo is ready.
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

/// A running demo.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) gateway_url: String,
    pub(crate) simulator_url: String,
    application_url: String,
    ops_url: String,
    data_dir: PathBuf,
    /// Removes a temporary data folder on drop.
    temporary: Option<tempfile::TempDir>,
    /// The clock of the gateway. A walk moves it forward instead of waiting.
    pub(crate) clock: Arc<DemoClock>,
    pub(crate) simulator: karaden_sim::Sim,
    pub(crate) gateway: Running,
    stop_application: CancellationToken,
    application: TaskTracker,
}

impl Demo {
    /// Starts all parts.
    pub(crate) async fn start(options: &Options) -> anyhow::Result<Self> {
        for address in [options.listen, options.sim_listen, options.ops_listen] {
            anyhow::ensure!(
                address.ip().is_loopback(),
                "the demo has printed passwords and listens on this machine alone; {address} is not on it"
            );
        }
        let (data_dir, temporary) = configuration::data_dir(options.data_dir.as_deref())?;
        let demo_clock = Arc::new(DemoClock::default());
        let clock: SharedClock = Arc::clone(&demo_clock) as _;
        let listener = listen(options.listen).await?;
        let ops_listener = listen(options.ops_listen).await?;
        let simulator = Sim::start(SimConfig::default().with_listen(options.sim_listen))
            .await
            .with_context(|| format!("cannot start the simulator on {}", options.sim_listen))?;
        let gateway_url = local_url(listener.local_addr()?);
        let ops_url = local_url(ops_listener.local_addr()?);
        let stop_application = CancellationToken::new();
        let (application, application_at) =
            start_application(&clock, stop_application.clone()).await?;
        let application_url = format!("http://{application_at}");
        let file = configuration::write(
            &data_dir,
            &configuration::Addresses {
                gateway_url: &gateway_url,
                listen: listener.local_addr()?,
                application_url: &application_url,
                simulator_url: &simulator.url(),
            },
            options.sender,
        )?;
        let config = Config::load(&file)?;
        let gateway =
            GatewayBuilder::new(&config).start(listener, ops_listener, Arc::clone(&clock)).await?;
        users::add(&gateway.auth(), &*clock).await?;
        Ok(Self {
            gateway_url,
            simulator_url: local_url(simulator.addr()),
            application_url,
            ops_url,
            data_dir,
            temporary,
            clock: demo_clock,
            simulator,
            gateway,
            stop_application,
            application,
        })
    }

    /// Stops all parts, and removes a temporary data folder.
    pub(crate) async fn stop(self) {
        // The log says what could not be kept.
        let _ = self.gateway.shut_down_at_once().await;
        self.simulator.shutdown().await;
        self.stop_application.cancel();
        self.application.close();
        self.application.wait().await;
    }

    /// Returns the addresses and users as one line of JSON.
    pub(crate) fn as_json(&self) -> anyhow::Result<String> {
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

    /// Returns the addresses and users as text.
    pub(crate) fn as_words(&self, sender: Sender) -> String {
        let api = match sender {
            Sender::Sms => "Karaden SMS API",
            Sender::Push => "空電プッシュ v2",
        };
        let mut words = format!(
            "\nThe whole system is running on this machine. No SMS is sent.\n\n\
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
             \x20 3. Type the code. {}/public/ needs no login, {}/admin/ asks again after ten minutes.\n\n\
             Databases and keys are in {}{}.\n\
             Stop with Ctrl-C.\n",
            self.gateway_url,
            self.simulator_url,
            self.gateway_url,
            self.gateway_url,
            self.data_dir.display(),
            if self.temporary.is_some() { ", until you stop it" } else { "" },
        );
        words
    }
}

/// Returns a URL, with `localhost` for 127.0.0.1: it is easier to read, and browsers trust both.
fn local_url(address: SocketAddr) -> String {
    if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

async fn start_application(
    clock: &SharedClock,
    stop: CancellationToken,
) -> anyhow::Result<(TaskTracker, SocketAddr)> {
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.local_addr()?;
    let application =
        Arc::new(Application { site: sample::site(SERVICE_NAME)?, clock: Arc::clone(clock) });
    let tasks = TaskTracker::new();
    tasks.spawn(serve(listener, stop, move |request, peer| {
        Arc::clone(&application).answer(request, peer)
    }));
    Ok((tasks, address))
}
