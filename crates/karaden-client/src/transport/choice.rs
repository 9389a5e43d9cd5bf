//! The transport of a client to which none was given.

use std::sync::Arc;

use super::contract::Transport;
#[cfg(feature = "reqwest")]
use super::http_client::ReqwestTransport;
use crate::{error::Error, options::Options};

/// Returns the transport of a client to which none was given. No other place decides this.
#[cfg(feature = "reqwest")]
pub(crate) fn default_transport(options: &Options) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(ReqwestTransport::new(options)?))
}

/// Fails: without the feature `reqwest` there is no transport to take.
#[cfg(not(feature = "reqwest"))]
pub(crate) fn default_transport(_options: &Options) -> Result<Arc<dyn Transport>, Error> {
    Err(Error::config("without the feature `reqwest` a transport must be given"))
}
