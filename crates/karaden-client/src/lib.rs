#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod engine;
mod environment;
mod error;
mod error_kind;
mod invalid;
mod link;
mod operation;
mod options;
mod out_of_range;
mod outcome;
mod random;
mod recipient;
mod redact;
mod refusal;
mod retry;
mod setup;
mod text;
mod text_type;
mod time;
mod trace;
mod waiting;
mod wire;

// Runs the programs of the Japanese README.
#[cfg(all(doctest, feature = "reqwest"))]
#[doc = include_str!("../README.ja.md")]
mod japanese_readme {}

pub mod push;
pub mod sms;
pub mod transport;
#[cfg(feature = "transport-kit")]
#[cfg_attr(docsrs, doc(cfg(feature = "transport-kit")))]
pub mod transport_kit;

pub use async_trait::async_trait;
pub use bytes;
pub use futures_core;
pub use http;
pub use secrecy::{ExposeSecret, SecretString};

pub use self::{
    error::Error,
    error_kind::ErrorKind,
    invalid::{Found, Invalid, Rule},
    options::Options,
    out_of_range::OUT_OF_RANGE_WINDOW,
    outcome::{NotSent, Refusal, Resolution, ResolvePolicy, SendError, SendOutcome, UnknownSend},
    recipient::Recipient,
    refusal::RefusalReason,
    retry::RetryPolicy,
    transport::Transport,
    waiting::{PollPolicy, Waited},
};
