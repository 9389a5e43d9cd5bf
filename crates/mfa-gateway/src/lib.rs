//! The gateway: builds all parts from a configuration, and serves requests on its listeners.
//!
//! The only crate that knows every concrete type; see `ARCHITECTURE.md`. A program reads a
//! [`config::Config`], adds factors of its own to a [`builder::GatewayBuilder`] and starts it; work on the
//! users goes by way of [`assemble::open_auth`].

mod access_log;
pub mod assemble;
mod audit_upkeep;
pub mod builder;
mod clock_watch;
pub mod config;
mod descriptors;
mod destination;
mod disk;
mod forward;
mod http;
mod identity;
mod log_limit;
mod noted;
mod ops;
mod pipeline;
mod reload;
mod request_id;
mod routes;
pub mod running;
pub mod self_check;
mod slots;
mod sms_factor;
mod state;
mod target;
pub mod time;
mod unlisted_proxies;
mod websockets;

pub use routes::own_paths;
