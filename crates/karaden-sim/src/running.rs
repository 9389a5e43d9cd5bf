//! Starting a simulator, and the handle of a running one.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use rand::{TryRng as _, rngs::SysRng};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    callback,
    config::{DeliveryMode, Quirks, SimConfig},
    error::SimError,
    fault::Fault,
    id::parse_uuid,
    inbox::{self, InboxMessage},
    server,
    shared::Shared,
    tls::TlsIdentity,
};

/// Starts simulators.
#[derive(Debug)]
pub struct Sim;

impl Sim {
    /// Binds the address and starts to serve. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// - [`SimError::NotLoopback`]: other machines can reach the address, and the configuration does
    ///   not allow that.
    /// - [`SimError::BadTenant`]: a tenant id is not a UUID.
    /// - [`SimError::BadIdentity`]: the certificate or its key cannot be used.
    /// - [`SimError::Bind`]: the address cannot be bound.
    /// - [`SimError::Randomness`]: there is no seed in the configuration, and the system returns no
    ///   random one.
    pub async fn start(config: SimConfig) -> Result<Running, SimError> {
        if !config.listen.ip().is_loopback() && !config.allow_non_loopback {
            return Err(SimError::NotLoopback);
        }
        if config.projects.iter().any(|project| parse_uuid(&project.tenant_id).is_none()) {
            return Err(SimError::BadTenant);
        }
        let seed = match config.seed {
            Some(seed) => seed,
            None => SysRng.try_next_u64().map_err(|_| SimError::Randomness)?,
        };
        let tls = config.tls.as_ref().map(TlsIdentity::acceptor).transpose()?;
        let listener = TcpListener::bind(config.listen).await.map_err(SimError::Bind)?;
        let addr = listener.local_addr().map_err(SimError::Bind)?;
        let shared = Arc::new(Shared::new(config, seed));
        let server = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let callbacks = callback::run(Arc::clone(&shared));
                tokio::join!(server::run(shared, listener, tls), callbacks);
            }
        });
        Ok(Running { addr, shared, server })
    }
}

/// A running simulator. Dropping it stops it too, without waiting for requests in progress.
pub struct Running {
    addr: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Running {
    /// Returns the address it listens on.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns its URL without a path: `http://127.0.0.1:8081`, or `https:` with a certificate.
    /// The SMS API is under `/api`, the push API under `/v2`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.shared.config.scheme(), self.addr)
    }

    /// Returns the messages that have arrived, newest first, at most 1,000: of all numbers, or of
    /// the number `to`.
    pub fn inbox(&self, to: Option<&str>) -> Vec<InboxMessage> {
        inbox::arrived(&self.shared, to, self.shared.clock.now())
    }

    /// Replaces all faults; an empty list clears them.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let mut world = self.shared.world();
        world.faults.replace(faults);
        self.shared.update_has_faults(&world);
    }

    /// Sets what happens to messages that are accepted from now on.
    pub fn set_delivery_mode(&self, mode: DeliveryMode) {
        self.shared.world().delivery.mode = mode;
    }

    /// Replaces the quirks.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.shared.world().quirks = quirks;
    }

    /// Moves a manual clock forward. Returns `false` if the simulator uses the system clock.
    pub fn advance(&self, by: Duration) -> bool {
        let moved = self.shared.clock.advance(by).is_some();
        if moved {
            self.shared.changed();
        }
        moved
    }

    /// Stops listening and waits until all requests in progress have finished. After one second,
    /// closes the connections that are still open.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        let _ = (&mut self.server).await;
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
