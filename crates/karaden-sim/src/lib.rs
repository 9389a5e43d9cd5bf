//! A simulator of the two Karaden APIs, for tests, demos and development. It never sends an SMS: its
//! inbox page shows the messages instead.
//!
//! - **Karaden SMS API** under `/api/{tenant_id}/…`, versions `2023-01-01`, `2023-12-01` and
//!   `2024-03-01`: send, list, get, cancel, bulk sending and callbacks, with the documented codes and
//!   messages.
//! - **空電プッシュ v2** under `/v2/…`: `karadenqueue`, `sepakaradenqueue`, `karadeninquiry`,
//!   `karadeninquiry_tr` and `karadensetfilter`.
//! - **Inbox**: `GET /` is the page, `GET /inbox.json[?to=…][&all=1]` returns the messages as JSON.
//! - **Delivery**: magic numbers select the outcome of a message, see [`Outcome`];
//!   [`DeliveryMode`] delays, holds, reorders or fails all messages.
//! - **Faults**: [`Running::set_faults`] and `PUT /faults` make requests fail, see [`Fault`] and
//!   [`FaultMode`].
//! - **Quirks**: [`Quirks`] selects wire formats on which the sources about the service disagree.
//! - **Time**: [`ClockMode::Manual`] stops the clock; only a test moves it then.
//!
//! The program `karaden-sim` serves the same on `http://127.0.0.1:8081`; see `karaden-sim --help`.
//! The README lists all endpoints.
//!
//! # Quick start
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use karaden_sim::{Fault, FaultMode, Sim, SimConfig};
//!
//! let sim = Sim::start(SimConfig::default()).await?;
//! let client = reqwest::Client::builder().no_proxy().build()?;
//! let send = client
//!     .post(format!("{}/api/159bfd33-b9b7-f424-4755-c119b324591d/messages", sim.url()))
//!     .bearer_auth("demo-token")
//!     .header("Karaden-Version", "2024-03-01")
//!     .form(&[("service_id", "1"), ("to", "09012345678"), ("body", "Your code: 123456")]);
//!
//! // The next send returns 500 and has no effect.
//! sim.set_faults(vec![Fault::new(FaultMode::Status(500)).times(1)]);
//! assert_eq!(send.try_clone().unwrap().send().await?.status(), 500);
//! assert!(sim.inbox(None).is_empty());
//!
//! assert_eq!(send.send().await?.status(), 200);
//! assert_eq!(sim.inbox(Some("09012345678"))[0].body, "Your code: 123456");
//! sim.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Design
//!
//! The wire types are written a second time here. If a client and its simulator shared them, a wrong
//! reading of the API would pass all tests.

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
