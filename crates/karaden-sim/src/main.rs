//! `karaden-sim`: a simulator of the two Karaden APIs.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use karaden_sim::{
    ClockMode, Delivery, ListRule, PushAccount, Sim, SimConfig, SimError, SmsProject, TlsIdentity,
    TrackingRule,
};
use secrecy::SecretString;

/// A simulator of the two Karaden APIs. It never sends an SMS: open the printed address to see the
/// inbox.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8081", env = "KARADEN_SIM_LISTEN")]
    listen: SocketAddr,
    /// Allow an address that other machines can reach: inbox and control endpoints have no login.
    #[arg(long)]
    allow_non_loopback: bool,
    /// Serve HTTPS with this certificate: a PEM file, followed by its intermediate certificates.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate: a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Base of upload and download URLs [default: the Host of the request].
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Tenant id of the SMS API, a UUID.
    #[arg(long, default_value = "159bfd33-b9b7-f424-4755-c119b324591d")]
    tenant_id: String,
    /// Bearer token of the SMS API.
    #[arg(
        long,
        default_value = "demo-token",
        env = "KARADEN_SIM_API_TOKEN",
        hide_env_values = true
    )]
    api_token: SecretString,
    /// Id of a service setting; repeat for more.
    #[arg(long = "service-id", default_value = "1")]
    service_ids: Vec<u64>,
    /// Access key of the push API.
    #[arg(
        long,
        default_value = "demo-push",
        env = "KARADEN_SIM_PUSH_TOKEN",
        hide_env_values = true
    )]
    push_token: SecretString,
    /// Security code of the push API.
    #[arg(
        long,
        default_value = "demo-code",
        env = "KARADEN_SIM_PUSH_SECURITY_CODE",
        hide_env_values = true
    )]
    push_security_code: SecretString,
    /// Shorten URLs if a send has no is_shorten.
    #[arg(long)]
    shorten: bool,
    /// Use a plan without bulk sending (403).
    #[arg(long)]
    no_bulk: bool,
    /// Use a push profile without sepakaradenqueue (209).
    #[arg(long)]
    push_no_long_split: bool,
    /// Maximum length of a text of karadenqueue in UTF-16 units (301 if longer).
    #[arg(long, default_value_t = 70)]
    push_single_limit: usize,
    /// Text parameter that karadenqueue requires (301 if missing), such as DocomoMessage; repeat for
    /// more.
    #[arg(long = "push-required-text", value_name = "NAME")]
    push_required_texts: Vec<String>,
    /// What the push API's send list does (203).
    #[arg(long, value_enum, default_value = "off")]
    push_list_rule: ListRule,
    /// Which tracking codes are valid in the push API (205 for others).
    #[arg(long, value_enum, default_value_t)]
    push_tracking: TrackingRule,
    /// URL to which delivery results of the SMS API are posted, http only.
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
    /// Karaden-Version of callbacks.
    #[arg(long, default_value = "2024-03-01")]
    callback_version: String,
    /// Milliseconds before each further attempt to post a callback.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,60000")]
    callback_retries_ms: Vec<u64>,
    /// Which clock to use; a manual clock moves only by POST /clock {"advance_ms":…}.
    #[arg(long, value_enum, default_value = "real")]
    clock: Clock,
    /// Start of a manual clock, ISO 8601 with an offset.
    #[arg(long, default_value = "2026-01-01T09:00:00+09:00", value_parser = parse_instant)]
    start_at: SystemTime,
    /// Seed of the ids: equal seeds and equal requests produce equal ids [default: random, or 1 with
    /// a manual clock].
    #[arg(long)]
    seed: Option<u64>,
    /// Milliseconds from acceptance until a message is sent to the carrier.
    #[arg(long, default_value_t = 300)]
    sent_after_ms: u64,
    /// Milliseconds from then until the carrier reports the result.
    #[arg(long, default_value_t = 700)]
    result_after_ms: u64,
    /// Additional milliseconds for late messages.
    #[arg(long, default_value_t = 60_000)]
    late_after_ms: u64,
    /// Milliseconds that a bulk send takes.
    #[arg(long, default_value_t = 0)]
    bulk_after_ms: u64,
    /// How many messages to keep.
    #[arg(long, default_value_t = 100_000)]
    history: usize,
    /// Worker threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Clock {
    /// The system clock.
    Real,
    /// A clock that moves only on request.
    Manual,
}

impl Args {
    fn into_config(self) -> anyhow::Result<SimConfig> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsIdentity {
                certificates_pem: read_file(certificate)?,
                key_pem: SecretString::from(read_file(key)?),
            }),
            _ => None,
        };
        Ok(SimConfig {
            tls,
            listen: self.listen,
            allow_non_loopback: self.allow_non_loopback,
            public_url: self.public_url,
            projects: vec![SmsProject {
                tenant_id: self.tenant_id,
                api_token: self.api_token,
                service_ids: self.service_ids,
                callback_url: self.callback_url,
                callback_version: self.callback_version,
                callback_retries: durations(&self.callback_retries_ms),
                bulk: !self.no_bulk,
                is_shorten: self.shorten,
                ..SmsProject::default()
            }],
            push_accounts: vec![PushAccount {
                token: self.push_token,
                security_code: self.push_security_code,
                long_split: !self.push_no_long_split,
                single_limit: self.push_single_limit,
                required_texts: self.push_required_texts,
                list_rule: self.push_list_rule,
                tracking: self.push_tracking,
            }],
            history: self.history,
            clock: match self.clock {
                Clock::Real => ClockMode::Real,
                Clock::Manual => ClockMode::Manual(self.start_at),
            },
            seed: self.seed.or(matches!(self.clock, Clock::Manual).then_some(1)),
            delivery: Delivery {
                sent_after: Duration::from_millis(self.sent_after_ms),
                result_after: Duration::from_millis(self.result_after_ms),
                late_after: Duration::from_millis(self.late_after_ms),
                bulk_after: Duration::from_millis(self.bulk_after_ms),
                ..Delivery::default()
            },
            ..SimConfig::default()
        })
    }
}

fn read_file(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn durations(millis: &[u64]) -> Vec<Duration> {
    millis.iter().copied().map(Duration::from_millis).collect()
}

/// Parses a date-time of ISO 8601 with an offset.
fn parse_instant(text: &str) -> Result<SystemTime, String> {
    let at: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Ok(at.into())
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = Args::parse();
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn serve(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.threads.max(1))
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let sim = Sim::start(args.into_config()?).await.map_err(with_hint)?;
        print_addresses(&sim.url());
        stop_signal().await.context("cannot wait for signals")?;
        sim.shutdown().await;
        Ok(())
    })
}

#[expect(clippy::print_stderr, reason = "the error is for the user who started the program")]
fn print_error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// Adds which flag to change.
fn with_hint(error: SimError) -> anyhow::Error {
    let hint = match &error {
        SimError::NotLoopback => {
            "; --allow-non-loopback allows it, but then other machines can use the inbox and the control endpoints"
        }
        SimError::BadIdentity => "; see --tls-cert and --tls-key",
        SimError::BadTenant => "; see --tenant-id",
        SimError::Bind(_) => "; see --listen",
        _ => "",
    };
    anyhow::Error::new(error).context(format!("cannot start the simulator{hint}"))
}

/// Prints the addresses. If standard output is closed, the simulator runs on.
fn print_addresses(url: &str) {
    let lines = [
        format!("inbox     {url}/"),
        format!("SMS API   {url}/api"),
        format!("push API  {url}/v2/"),
        "シミュレーター：実際のSMSは送信されません (no SMS is really sent)".to_owned(),
    ];
    let _ = writeln!(std::io::stdout(), "{}", lines.join("\n"));
}

async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
