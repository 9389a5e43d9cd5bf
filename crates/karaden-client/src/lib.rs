#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod engine;
mod error;
mod invalid;
mod operation;
mod options;
mod outcome;
mod random;
mod recipient;
mod redact;
mod refusal;
mod retry;
mod setup;
mod text;
mod time;
mod trace;
mod waiting;
mod wire;

pub mod push;
pub mod sms;
pub mod transport;

pub use secrecy::{ExposeSecret, SecretString};

#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use reqwest;

pub use self::{
    error::{Error, ErrorKind},
    invalid::{Found, Invalid, Rule},
    options::Options,
    outcome::{NotSent, Refusal, Resolution, ResolvePolicy, SendError, SendOutcome, UnknownSend},
    random::{FixedRandomness, Randomness, SystemRandomness},
    recipient::Recipient,
    refusal::RefusalReason,
    retry::RetryPolicy,
    transport::Transport,
    waiting::{PollPolicy, Waited},
};
