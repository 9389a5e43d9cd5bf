//! # Design
//!
//! The wire types are written a second time here. If a client and its simulator shared them, a wrong
//! reading of the API would pass all tests.

#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod callback;
mod clock;
mod config;
mod control;
mod error;
mod fault;
mod id;
mod inbox;
mod log;
mod operation;
mod push;
mod request;
mod resource;
mod server;
mod shape;
mod shared;
mod signed_url;
mod sim;
mod sms;
mod storage;
mod time;
#[cfg(feature = "tls")]
mod tls;
mod version;
mod world;

pub use secrecy;

#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use crate::tls::{InvalidIdentity, TlsIdentity};
pub use crate::{
    clock::ClockMode,
    config::{
        Absent, Delivery, DeliveryMode, ListRule, PushAccount, Quirks, SimConfig, SmsProject,
        TrackingRule, UnknownCode,
    },
    error::{ClockError, SimError},
    fault::{Fault, FaultMode, InvalidFaultMode},
    inbox::{InboxMessage, MessageState},
    operation::{Api, Operation},
    sim::Sim,
    time::{Day, InvalidDay},
    version::{ApiVersion, InvalidApiVersion},
    world::{Carrier, Intervention, Outcome},
};
