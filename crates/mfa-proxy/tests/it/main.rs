//! The proxy over real sockets.

mod forward;
mod framing;
mod harness;
mod heads;
mod kept_connections;
mod listener;
mod tunnels;
mod uploads;
