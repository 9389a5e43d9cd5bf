//! How a request reaches the server: a request is plain data, a [`Transport`] carries it out.
//!
//! A client to which none is given takes `DirectTransport`, which costs least, or `ReqwestTransport`
//! if its [`Options`](crate::Options) name a proxy or if TLS is not by rustls.

#[cfg(any(feature = "direct", feature = "reqwest"))]
mod body;
mod choice;
mod contract;
#[cfg(feature = "direct")]
mod direct;
#[cfg(feature = "reqwest")]
mod http_client;
#[cfg(feature = "reqwest")]
mod outgoing;
mod scripted;

pub(crate) use self::choice::default_transport;
pub use self::contract::{Request, Response, Transport, TransportError, TransportErrorKind};
#[cfg(feature = "direct")]
#[cfg_attr(docsrs, doc(cfg(feature = "direct")))]
pub use self::direct::DirectTransport;
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::http_client::ReqwestTransport;
pub use self::scripted::{Exchange, ScriptedTransport};
