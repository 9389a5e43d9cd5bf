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
    ApiVersion, ClockMode, Day, Delivery, ListRule, PushAccount, Sim, SimConfig, SimError,
    SmsProject, TlsIdentity, TrackingRule, secrecy::SecretString,
};

const AFTER_HELP: &str = "\
While it runs:
  GET    /                     inbox page
  GET    /inbox.json           messages that have arrived; ?to=NUMBER, ?all=1, ?wait_ms=5000
  DELETE /inbox.json           delete all messages
  PUT    /faults               {\"mode\":\"500\",\"count\":1}
  PUT    /delivery             {\"mode\":\"late\"}
  PUT    /clock, POST /clock   {\"now\":\"2026-01-01T10:00:00+09:00\"}, {\"advance_ms\":60000}
  POST   /reset                as if just started

Numbers 0x0-0000-00NN choose the result of their messages: 01 received, 02 out of range, 03 error, ...";

/// A simulator of the two Karaden APIs, Karaden SMS API and 空電プッシュ v2. It never sends an SMS: open
/// the printed address to see the messages.
///
/// Without options it accepts what a client with the printed credentials sends, and messages arrive after a
/// second.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Args {
    /// Address to listen on.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081",
        env = "KARADEN_SIM_LISTEN"
    )]
    listen: SocketAddr,
    /// Allow an address that other machines can reach: inbox and control endpoints have no login.
    #[arg(long)]
    allow_non_loopback: bool,
    /// Another name or address by which clients reach the simulator, such as the name of its container;
    /// repeat for more. Requests to unknown names are refused (421).
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
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
    #[arg(
        long,
        default_value = "159bfd33-b9b7-f424-4755-c119b324591d",
        value_name = "UUID",
        help_heading = "Karaden SMS API"
    )]
    tenant_id: String,
    /// Bearer token of the SMS API.
    #[arg(
        long,
        default_value = "demo-token",
        env = "KARADEN_SIM_API_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        help_heading = "Karaden SMS API"
    )]
    api_token: SecretString,
    /// Id of a service setting; repeat for more.
    #[arg(
        long = "service-id",
        default_value = "1",
        value_name = "ID",
        help_heading = "Karaden SMS API"
    )]
    service_ids: Vec<u64>,
    /// Access key of the push API.
    #[arg(
        long,
        default_value = "demo-push",
        env = "KARADEN_SIM_PUSH_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        help_heading = "空電プッシュ v2"
    )]
    push_token: SecretString,
    /// Security code of the push API.
    #[arg(
        long,
        default_value = "demo-code",
        env = "KARADEN_SIM_PUSH_SECURITY_CODE",
        hide_env_values = true,
        value_name = "CODE",
        help_heading = "空電プッシュ v2"
    )]
    push_security_code: SecretString,
    /// Shorten URLs if a send has no is_shorten.
    #[arg(long, help_heading = "Karaden SMS API")]
    shorten: bool,
    /// Use a plan without bulk sending (403).
    #[arg(long, help_heading = "Karaden SMS API")]
    no_bulk: bool,
    /// Use a push profile without sepakaradenqueue (209).
    #[arg(long, help_heading = "空電プッシュ v2")]
    push_no_long_split: bool,
    /// Maximum length of a text of karadenqueue in UTF-16 units (301 if longer).
    #[arg(long, default_value_t = 70, value_name = "UNITS", help_heading = "空電プッシュ v2")]
    push_single_limit: usize,
    /// How many units a line break counts in a text of the push API. What the service counts is not
    /// public; 3 is the strictest known.
    #[arg(long, default_value_t = 3, value_name = "UNITS", help_heading = "空電プッシュ v2")]
    push_line_break_units: usize,
    /// Text parameter that karadenqueue requires (301 if missing), such as DocomoMessage; repeat for
    /// more.
    #[arg(long = "push-required-text", value_name = "NAME", help_heading = "空電プッシュ v2")]
    push_required_texts: Vec<String>,
    /// What the push API's send list does (203).
    #[arg(
        long,
        value_enum,
        default_value = "off",
        value_name = "RULE",
        help_heading = "空電プッシュ v2"
    )]
    push_list_rule: ListRuleArg,
    /// Which tracking codes are valid in the push API (205 for others).
    #[arg(
        long,
        value_enum,
        default_value = "eight-digits",
        value_name = "RULE",
        help_heading = "空電プッシュ v2"
    )]
    push_tracking: TrackingRuleArg,
    /// URL to which delivery results of the SMS API are posted, http only.
    #[arg(long, value_name = "URL", help_heading = "Karaden SMS API")]
    callback_url: Option<String>,
    /// Karaden-Version of callbacks.
    #[arg(
        long,
        default_value = "2024-03-01",
        value_name = "VERSION",
        help_heading = "Karaden SMS API"
    )]
    callback_version: ApiVersion,
    /// Milliseconds before each further attempt to post a callback.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1000,10000,60000",
        value_name = "MS,…",
        help_heading = "Karaden SMS API"
    )]
    callback_retries_ms: Vec<u64>,
    /// Which clock to use.
    #[arg(
        long,
        value_enum,
        default_value = "real",
        value_name = "CLOCK",
        help_heading = "Time and ids"
    )]
    clock: Clock,
    /// Start of a manual clock, ISO 8601 with an offset.
    #[arg(long, default_value = "2026-01-01T09:00:00+09:00", value_parser = parse_instant, value_name = "TIME", help_heading = "Time and ids")]
    start_at: SystemTime,
    /// Seed of the ids: equal seeds and equal requests produce equal ids [default: random, or 1 with
    /// a manual clock].
    #[arg(long, value_name = "NUMBER", help_heading = "Time and ids")]
    seed: Option<u64>,
    /// Milliseconds from acceptance until a message is sent to the carrier.
    #[arg(long, default_value_t = 300, value_name = "MS", help_heading = "Delivery")]
    sent_after_ms: u64,
    /// Milliseconds from then until the carrier reports the result.
    #[arg(long, default_value_t = 700, value_name = "MS", help_heading = "Delivery")]
    result_after_ms: u64,
    /// Additional milliseconds for late messages.
    #[arg(long, default_value_t = 60_000, value_name = "MS", help_heading = "Delivery")]
    late_after_ms: u64,
    /// Milliseconds that a bulk send takes.
    #[arg(long, default_value_t = 0, value_name = "MS", help_heading = "Delivery")]
    bulk_after_ms: u64,
    /// Day on which the numbers 0x0-0000-0006 changed hands, YYYYMMDD: a PermitDate up to this day is
    /// blocked [default: every PermitDate is blocked].
    #[arg(long, value_name = "DAY", help_heading = "Delivery")]
    changed_hands_on: Option<Day>,
    /// How many messages to keep.
    #[arg(long, default_value_t = 100_000, value_name = "COUNT")]
    history: usize,
    /// Worker threads.
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    threads: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Clock {
    /// The system clock.
    Real,
    /// A clock that moves only by requests to /clock.
    Manual,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ListRuleArg {
    /// The list has no effect.
    Off,
    /// Only numbers on the list are sent to.
    AllowOnly,
    /// Numbers on the list are not sent to.
    Block,
}

impl From<ListRuleArg> for ListRule {
    fn from(rule: ListRuleArg) -> Self {
        match rule {
            ListRuleArg::Off => Self::Off,
            ListRuleArg::AllowOnly => Self::AllowOnly,
            ListRuleArg::Block => Self::Block,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TrackingRuleArg {
    /// Up to 100 printable ASCII characters.
    Any,
    /// Up to 8 digits, the only format seen in use.
    EightDigits,
    /// None.
    Refused,
}

impl From<TrackingRuleArg> for TrackingRule {
    fn from(rule: TrackingRuleArg) -> Self {
        match rule {
            TrackingRuleArg::Any => Self::Any,
            TrackingRuleArg::EightDigits => Self::EightDigits,
            TrackingRuleArg::Refused => Self::Refused,
        }
    }
}

impl Args {
    fn into_config(self) -> anyhow::Result<SimConfig> {
        let mut project = SmsProject::default()
            .with_tenant_id(self.tenant_id)
            .with_api_token(self.api_token)
            .with_service_ids(self.service_ids)
            .with_callback_version(self.callback_version)
            .with_callback_retries(durations(&self.callback_retries_ms))
            .with_bulk(!self.no_bulk)
            .with_is_shorten(self.shorten);
        project.callback_url = self.callback_url;
        let account = PushAccount::default()
            .with_token(self.push_token)
            .with_security_code(self.push_security_code)
            .with_long_split(!self.push_no_long_split)
            .with_single_limit(self.push_single_limit)
            .with_line_break_units(self.push_line_break_units)
            .with_required_texts(self.push_required_texts)
            .with_list_rule(self.push_list_rule.into())
            .with_tracking(self.push_tracking.into());
        let mut delivery = Delivery::default()
            .with_sent_after(Duration::from_millis(self.sent_after_ms))
            .with_result_after(Duration::from_millis(self.result_after_ms))
            .with_late_after(Duration::from_millis(self.late_after_ms))
            .with_bulk_after(Duration::from_millis(self.bulk_after_ms));
        delivery.changed_hands_on = self.changed_hands_on;
        let mut config = SimConfig::default()
            .with_listen(self.listen)
            .with_allow_non_loopback(self.allow_non_loopback)
            .with_hosts(self.hosts)
            .with_projects([project])
            .with_push_accounts([account])
            .with_history(self.history)
            .with_clock(match self.clock {
                Clock::Real => ClockMode::Real,
                Clock::Manual => ClockMode::Manual(self.start_at),
            })
            .with_delivery(delivery);
        config.public_url = self.public_url;
        config.seed = self.seed.or(matches!(self.clock, Clock::Manual).then_some(1));
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let identity = TlsIdentity::new(&read_file(certificate)?, &read_file(key)?);
            config = config.with_tls(identity.context("see --tls-cert and --tls-key")?);
        }
        Ok(config)
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
        SimError::InvalidSetting { setting: "tenant_id", .. } => "; see --tenant-id",
        SimError::InvalidSetting { setting: "api_token", .. } => "; see --api-token",
        SimError::InvalidSetting { setting: "callback_url", .. } => "; see --callback-url",
        SimError::InvalidSetting { setting: "public_url", .. } => "; see --public-url",
        SimError::InvalidSetting { setting: "hosts", .. } => "; see --host",
        SimError::InvalidSetting { setting: "required_texts", .. } => "; see --push-required-text",
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

#[cfg(unix)]
async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
