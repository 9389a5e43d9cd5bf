//! The gateway: from a configuration to listeners that let people in.
//!
//! The only crate that knows every concrete type; see `ARCHITECTURE.md`. A program reads a
//! [`config::Config`] and starts it with [`running::start`]; work on the users goes by way of
//! [`assemble::open_auth`].

mod app;
pub mod assemble;
pub mod config;
mod destination;
mod http;
mod ops;
mod routes;
pub mod running;
pub mod time;
