//! A reverse proxy for one application, without any knowledge of logins.
//!
//! The crate accepts connections ([`Server`]), finds the address of the client ([`TrustedProxies`]),
//! reads paths ([`NormalPath`]) and forwards requests to the application ([`Proxy`]).
//! The caller decides what may pass and which cookies are its own.

mod address;
mod body;
mod cookies;
mod framing;
mod headers;
mod host;
mod path;
mod server;
mod upstream;
mod watched;

pub use address::{AddressHeader, TrustedProxies, client_networks};
pub use body::{Body, BoxError, empty, full};
pub use framing::FramingError;
pub use headers::{HeaderFilter, InvalidNamePattern, NamePattern, Origin};
pub use host::canonical_host;
pub use path::{InvalidPath, NormalPath};
pub use server::{
    Cap, ConnectionEvent, ConnectionObserver, ConnectionSettings, InvalidListenAddress,
    ListenAddress, Listener, RequestBody, RequestBodyError, Server, ServerSettings, TimeoutKind,
    UNIX_PEER, serve,
};
pub use upstream::{
    ClientUse, ForwardingRules, HeaderCase, InvalidUpstream, Proxy, ProxyError, TunnelTerms,
    UpstreamLimits, is_websocket_request,
};
