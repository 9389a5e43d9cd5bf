//! The transport of a client to which none was given.

use std::sync::Arc;

use super::contract::Transport;
#[cfg(feature = "reqwest")]
use super::{http_client::ReqwestTransport, settings::CONNECT_TIMEOUT};
use crate::{error::Error, options::Options};

/// Returns the transport of a client to which none was given. No other place decides this.
#[cfg(feature = "reqwest")]
pub(crate) fn default_transport(options: &Options) -> Result<Arc<dyn Transport>, Error> {
    // Below the time of an attempt, so that a connection that is not made fails as such.
    let connect = CONNECT_TIMEOUT.min(options.total_timeout / 10 * 9);
    let transport = ReqwestTransport::builder().with_connect_timeout(connect).build()?;
    Ok(Arc::new(transport))
}

/// Fails: without the feature `reqwest` there is no transport to take.
#[cfg(not(feature = "reqwest"))]
pub(crate) fn default_transport(_options: &Options) -> Result<Arc<dyn Transport>, Error> {
    Err(Error::config("without the feature `reqwest` a transport must be given"))
}
