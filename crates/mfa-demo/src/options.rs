//! What a user of the demo can choose.

use std::{net::SocketAddr, path::PathBuf};

/// How the demo runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// Where the SMS simulator and its inbox page listen.
    pub sim_listen: SocketAddr,
    /// Where health and metrics listen.
    pub ops_listen: SocketAddr,
    /// Where databases and keys are kept; `None` for a temporary folder that is removed at the end.
    pub data_dir: Option<PathBuf>,
    /// Which of Karaden's APIs sends the codes.
    pub sender: Sender,
    /// What happens once everything runs.
    pub mode: Mode,
}

/// What happens once everything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One line of JSON is printed, and the demo waits until it is stopped.
    Json,
    /// A scripted user logs in, step by step; then the demo ends.
    Walk,
    /// The addresses and users are printed for a person, and the demo waits until it is stopped.
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
