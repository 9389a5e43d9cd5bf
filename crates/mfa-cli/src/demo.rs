//! `mfa-gateway demo`: the whole system on this machine.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use mfa_demo::{Mode, Options, Sender};
use mfa_gateway::config::{Log, LogFormat};
use tracing::Level;
use tracing_subscriber::filter::Targets;

use crate::{logging, signal::stop_signal};

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where the gateway listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the SMS simulator and its inbox page listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    sim_listen: SocketAddr,
    /// Where health and metrics listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082")]
    ops_listen: SocketAddr,
    /// Keep databases and keys here [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Which of Karaden's APIs sends the codes
    #[arg(long, value_enum, default_value_t = SenderKind::Sms)]
    sender: SenderKind,
    /// When ready, print one line of JSON instead of text
    #[arg(long)]
    json: bool,
    /// Let a scripted user log in, step by step, and exit
    #[arg(long, conflicts_with = "json")]
    walk: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SenderKind {
    /// Karaden SMS API
    Sms,
    /// 空電プッシュ v2
    Push,
}

/// Runs the demo. Returns whether every step succeeded.
pub(crate) async fn run(args: &DemoArgs) -> anyhow::Result<bool> {
    let mode = match (args.walk, args.json) {
        (true, _) => Mode::Walk,
        (false, true) => Mode::Json,
        (false, false) => Mode::Words,
    };
    // A walk records the spans itself, and a process has one subscriber.
    if mode != Mode::Walk {
        let filter = Targets::new().with_default(Level::WARN);
        logging::start(&Log { format: LogFormat::Json, filter, paths: false });
    }
    let options = Options {
        listen: args.listen,
        sim_listen: args.sim_listen,
        ops_listen: args.ops_listen,
        data_dir: args.data_dir.clone(),
        sender: match args.sender {
            SenderKind::Push => Sender::Push,
            SenderKind::Sms => Sender::Sms,
        },
        mode,
    };
    mfa_demo::run(&options, stop_signal()?).await
}
