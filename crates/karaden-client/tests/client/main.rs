//! Tests of the client from the outside, in one binary.

mod common;
mod limits;
mod numbers;
mod refusals;
mod resolving;
mod round_trip;
mod seam;
mod waiting;

#[cfg(feature = "tracing")]
mod spans;

#[cfg(all(feature = "transport-kit", feature = "reqwest"))]
mod kit;

#[cfg(feature = "serde")]
mod stored;

macro_rules! over_http {
    ($($module:ident),+) => {
        $(#[cfg(feature = "reqwest")]
        mod $module;)+
    };
}
over_http!(bulk, clients, connections, hostile, links, push_wire, simulator, sms_list, sms_wire);

#[cfg(feature = "rustls")]
mod tls;
