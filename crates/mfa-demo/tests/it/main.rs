//! A gateway with a factor of a program's own, and WebSocket connections through one.

mod added_factor;
mod common;
mod websockets;
