//! The gateway: builds all parts from a configuration, and serves requests on its listeners.
//!
//! The only crate that knows every concrete type; see `ARCHITECTURE.md`. A program reads a
//! [`config::Config`], adds factors of its own to a [`builder::GatewayBuilder`] and starts it; work on the
//! users goes by way of [`assemble::open_auth`].

pub mod assemble;
mod audit_upkeep;
pub mod builder;
pub mod config;
mod descriptors;
mod destination;
mod disk;
mod http;
mod identity;
mod ops;
mod pipeline;
mod reference;
mod routes;
pub mod running;
mod slots;
mod state;
mod target;
pub mod time;
mod unlisted_proxies;
mod websockets;
