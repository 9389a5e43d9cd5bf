//! How a request reaches the server: a request is plain data, a [`Transport`] sends it.
//!
//! A client without an explicit transport uses `ReqwestTransport`.

#[cfg(feature = "reqwest")]
mod body;
mod choice;
mod contract;
#[cfg(feature = "reqwest")]
mod http_client;
#[cfg(feature = "reqwest")]
mod outgoing;
mod scripted;

pub(crate) use self::choice::default_transport;
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::http_client::ReqwestTransport;
pub use self::{
    contract::{Request, Response, Transport, TransportError, TransportErrorKind},
    scripted::{Exchange, ScriptedTransport},
};
