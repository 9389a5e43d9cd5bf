//! Starting a simulator and holding one that runs.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{TryRng as _, rngs::SysRng};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    callback,
    clock::Clock,
    config::{PushAccount, Quirks, SimConfig, SmsProject},
    fault::Fault,
    id::{mix, parse_uuid},
    inbox::{self, InboxMessage},
    server,
    tls::TlsIdentity,
    world::{DeliveryMode, World},
};

/// Most pages that watch the inbox live.
const MOST_WATCHERS: usize = 64;

/// Starts simulators.
#[derive(Debug)]
pub struct Sim;

impl Sim {
    /// Binds the address and begins to answer. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// [`SimError::NotLoopback`] for an address others can reach, unless the configuration allows
    /// it; [`SimError::BadTenant`] if a tenant id is no UUID; [`SimError::BadIdentity`] if the
    /// certificate or its key cannot be used; [`SimError::Bind`] if the address is
    /// taken; [`SimError::Randomness`] if a seed is to be drawn and the system has none.
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

/// A simulator that answers until it is shut down. Dropping it stops it too, without waiting.
pub struct Running {
    addr: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its address as a URL without a path: `http://127.0.0.1:8081`, or `https:` with a certificate.
    /// The SMS API is under `/api`, the push API under `/v2`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.shared.config.scheme(), self.addr)
    }

    /// What has arrived on the phones, newest first; of one number if `to` is given.
    pub fn inbox(&self, to: Option<&str>) -> Vec<InboxMessage> {
        inbox::arrived(&self.shared, to, self.shared.clock.now())
    }

    /// Replaces all faults; an empty list clears them.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let mut world = self.shared.world();
        world.faults.replace(faults);
        self.shared.note_faults(&world);
    }

    /// Decides what happens to messages from now on.
    pub fn set_delivery_mode(&self, mode: DeliveryMode) {
        self.shared.world().delivery.mode = mode;
    }

    /// Changes the departures from the usual wire form.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.shared.world().quirks = quirks;
    }

    /// Moves a manual clock on. A real clock stays as it is, and the answer is `false`.
    pub fn advance(&self, by: Duration) -> bool {
        let moved = self.shared.clock.advance(by).is_some();
        if moved {
            self.shared.changed();
        }
        moved
    }

    /// Stops listening, lets requests in flight end (those kept waiting by a fault are cut after
    /// a second), and returns when nothing runs any more.
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

/// Why a simulator does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimError {
    /// The certificate and the key for HTTPS cannot be read, or do not belong together.
    #[error("the certificate and its key cannot be used")]
    BadIdentity,
    /// The tenant id of a project is not a UUID.
    #[error("a tenant id is not a UUID")]
    BadTenant,
    /// The address cannot be bound.
    #[error("cannot listen on the address")]
    Bind(#[source] io::Error),
    /// The address is reachable from outside this machine.
    #[error("refusing to listen beyond loopback without being told to")]
    NotLoopback,
    /// The system gives no randomness.
    #[error("no randomness from the system")]
    Randomness,
}

/// What all connections share. No `Debug`: it holds every text and the key of the storage.
pub(crate) struct Shared {
    pub(crate) config: SimConfig,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    /// Signs the storage's URLs; follows from the seed.
    pub(crate) storage_key: [u8; 32],
    /// Places for those who watch the inbox live.
    pub(crate) watchers: Arc<Semaphore>,
    world: Mutex<World>,
    has_faults: AtomicBool,
    revision: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(config: SimConfig, seed: u64) -> Self {
        let world = World::new(&config, seed);
        let mut storage_key = [0; 32];
        for (index, part) in storage_key.chunks_mut(8).enumerate() {
            part.copy_from_slice(&mix(seed ^ mix(index as u64)).to_be_bytes());
        }
        Self {
            storage_key,
            watchers: Arc::new(Semaphore::new(MOST_WATCHERS)),
            clock: Clock::new(config.clock),
            stop: CancellationToken::new(),
            world: Mutex::new(world),
            has_faults: AtomicBool::new(false),
            revision: watch::Sender::new(0),
            config,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request has to look at the faults at all.
    pub(crate) fn has_faults(&self) -> bool {
        self.has_faults.load(Ordering::Acquire)
    }

    pub(crate) fn note_faults(&self, world: &World) {
        self.has_faults.store(!world.faults.is_empty(), Ordering::Release);
    }

    /// To be called, lock in hand, when a message was accepted or changed.
    pub(crate) fn accepted(&self, world: MutexGuard<'_, World>) {
        drop(world);
        self.changed();
    }

    /// Tells those who watch the inbox.
    pub(crate) fn changed(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    pub(crate) fn project_by_token(&self, token: &str) -> Option<(u16, &SmsProject)> {
        let position =
            self.config.projects.iter().position(|project| same(&project.api_token, token))?;
        Some((u16::try_from(position).ok()?, &self.config.projects[position]))
    }

    pub(crate) fn push_account(&self, token: &str, code: &str) -> Option<(u16, &PushAccount)> {
        let position =
            self.config.push_accounts.iter().position(|account| {
                same(&account.token, token) & same(&account.security_code, code)
            })?;
        Some((u16::try_from(position).ok()?, &self.config.push_accounts[position]))
    }
}

fn same(secret: &SecretString, text: &str) -> bool {
    secret.expose_secret().as_bytes().ct_eq(text.as_bytes()).into()
}
