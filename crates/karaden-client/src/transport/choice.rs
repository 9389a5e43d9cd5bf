//! The transport of a client to which none was given.

use std::sync::Arc;

use super::contract::Transport;
#[cfg(feature = "direct")]
use super::direct::DirectTransport;
#[cfg(feature = "reqwest")]
use super::http_client::ReqwestTransport;
use crate::{error::Error, options::Options};

/// The transport of a client to which none was given. The only place where that is decided.
///
/// Ours, because it is the cheaper one, unless `options` name a proxy or TLS is not by rustls.
#[cfg_attr(
    not(any(feature = "direct", feature = "reqwest")),
    expect(unused_variables, reason = "there is no transport to set up")
)]
pub(crate) fn default_transport(options: &Options) -> Result<Arc<dyn Transport>, Error> {
    #[cfg(feature = "reqwest")]
    if options.proxy.is_some() || cfg!(not(feature = "rustls-no-provider")) {
        return Ok(Arc::new(ReqwestTransport::new(options)?));
    }
    #[cfg(feature = "direct")]
    return Ok(Arc::new(DirectTransport::new(options)?));
    #[cfg(not(feature = "direct"))]
    Err(Error::config("without the features `direct` and `reqwest` a transport must be given"))
}
