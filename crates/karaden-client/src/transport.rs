//! How a request reaches the server: a request is plain data, a [`Transport`] sends it.
//!
//! A client without an explicit transport uses `ReqwestTransport`. [`Limited`] bounds how many requests go
//! out at once and per minute.

#[cfg(feature = "reqwest")]
mod body;
mod choice;
mod contract;
#[cfg(feature = "reqwest")]
mod http_client;
mod limited;
#[cfg(feature = "reqwest")]
mod outgoing;
mod request;
#[cfg(feature = "reqwest")]
mod resolver;
mod scripted;
#[cfg(feature = "reqwest")]
mod settings;

pub(crate) use self::choice::default_transport;
pub use self::{
    contract::{Response, Transport, TransportError, TransportErrorKind},
    limited::Limited,
    request::{Request, RequestBuilder},
    scripted::{Exchange, ScriptedTransport},
};
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::{http_client::ReqwestTransport, settings::ReqwestTransportBuilder};
