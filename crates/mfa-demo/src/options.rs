//! The options of the demo.

use std::{net::SocketAddr, path::PathBuf};

/// The options of the demo.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address of the gateway.
    pub listen: SocketAddr,
    /// The address of the SMS simulator and its inbox page.
    pub sim_listen: SocketAddr,
    /// The address of health and metrics.
    pub ops_listen: SocketAddr,
    /// The folder of databases and keys; `None` for a temporary folder, removed at the end.
    pub data_dir: Option<PathBuf>,
    /// The Karaden API that sends the codes.
    pub sender: Sender,
    /// What the demo does when it is ready.
    pub mode: Mode,
}

/// What the demo does when it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Prints one line of JSON and waits until it is stopped.
    Json,
    /// Lets a scripted user log in, step by step, and ends.
    Walk,
    /// Prints addresses and users as text and waits until it is stopped.
    Words,
}

/// One of Karaden's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// 空電プッシュ v2.
    Push,
    /// The Karaden SMS API.
    Sms,
}
