//! A Karaden that stands on your own machine: both APIs of the service, faults on demand, and a
//! phone that shows the texts as they arrive. Nothing is ever sent to anyone.
//!
//! * **Karaden SMS API** under `/api/{tenant_id}/…`, versions `2023-01-01`, `2023-12-01` and
//!   `2024-03-01`, with the order of checks, codes and messages of the service.
//! * **空電プッシュ v2** under `/v2/…`, tolerant where the service is known to be.
//! * `GET /` is the inbox page, `GET /inbox.json[?to=…]` the same for programs.
//! * `PUT /faults` makes either API misbehave, see [`Fault`]; magic numbers choose the delivery
//!   result, see [`Outcome::for_number`].
//!
//! The wire types are written here a second time, on purpose: shared with a client, one misreading
//! of the API would pass on both sides.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use karaden_sim::{Sim, SimConfig};
//!
//! let sim = Sim::start(SimConfig::default()).await?;
//! assert!(sim.addr().ip().is_loopback());
//! assert!(sim.inbox(None).is_empty());
//! sim.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod body;
mod callback;
mod clock;
mod config;
mod control;
mod error;
mod fault;
mod id;
mod inbox;
mod operation;
mod push;
mod request;
mod running;
mod server;
mod shared;
mod signed_url;
mod sms;
mod storage;
mod time;
mod tls;
mod world;

pub use crate::{
    clock::ClockMode,
    config::{
        Absent, Delivery, DeliveryMode, ListRule, PushAccount, Quirks, SimConfig, SmsProject,
        TrackingRule, UnknownCode,
    },
    error::SimError,
    fault::{Fault, FaultMode},
    inbox::InboxMessage,
    operation::{Api, Operation},
    running::{Running, Sim},
    tls::TlsIdentity,
    world::{Carrier, Outcome},
};
