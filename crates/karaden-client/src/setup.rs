//! The settings that the builders of both clients share.

use std::sync::Arc;

use crate::{options::Options, transport::Transport};

/// How a client reaches its API.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) options: Options,
    /// `None` for the default one.
    pub(crate) transport: Option<Arc<dyn Transport>>,
}

/// The methods of a builder that has a field `setup`.
macro_rules! setup_methods {
    () => {
        /// Sets timeouts, size limits and retries.
        pub fn with_options(mut self, options: $crate::options::Options) -> Self {
            self.setup.options = options;
            self
        }

        /// Sets the transport: one with a proxy or certificates, one that is shared with another client,
        /// wrapped, or scripted for a test. Default: `ReqwestTransport`, as its builder makes it.
        pub fn with_transport(mut self, transport: impl $crate::transport::Transport) -> Self {
            self.setup.transport = Some(std::sync::Arc::new(transport));
            self
        }
    };
}
pub(crate) use setup_methods;
