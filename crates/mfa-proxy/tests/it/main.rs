//! The proxy over real sockets.

mod forward;
mod harness;
mod kept_connections;
mod listener;
mod tunnels;
mod uploads;
