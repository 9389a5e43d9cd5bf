//! The state that all connections share.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    config::{PushAccount, SimConfig, SmsProject},
    id::mix,
    world::World,
};

/// Maximum count of pages with live updates.
const MAX_WATCHERS: usize = 64;

/// The state that all connections share. No `Debug`: it holds every text and the storage key.
pub(crate) struct Shared {
    pub(crate) config: SimConfig,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    /// Signs the storage's URLs. Derived from the seed.
    pub(crate) storage_key: [u8; 32],
    /// Permits for pages with live updates.
    pub(crate) watchers: Arc<Semaphore>,
    world: Mutex<World>,
    has_faults: AtomicBool,
    /// The seed of the ids since the last reset.
    seed: AtomicU64,
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
            watchers: Arc::new(Semaphore::new(MAX_WATCHERS)),
            clock: Clock::new(config.clock),
            stop: CancellationToken::new(),
            world: Mutex::new(world),
            has_faults: AtomicBool::new(false),
            seed: AtomicU64::new(seed),
            revision: watch::Sender::new(0),
            config,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything as it was at the start.
    pub(crate) fn reset(&self) {
        // Without a seed in the configuration, an id of before must not name a message of later.
        let next = |seed| Some(self.config.seed.unwrap_or_else(|| mix(seed)));
        let _ = self.seed.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        let mut world = self.world();
        *world = World::new(&self.config, self.seed.load(Ordering::Acquire));
        self.update_has_faults(&world);
        self.clock.reset();
        self.release_and_notify(world);
    }

    /// Whether any fault is active. Cheaper than the lock, which most requests then need only once.
    pub(crate) fn has_faults(&self) -> bool {
        self.has_faults.load(Ordering::Acquire)
    }

    pub(crate) fn update_has_faults(&self, world: &World) {
        self.has_faults.store(!world.faults.is_empty(), Ordering::Release);
    }

    /// Releases the lock, then notifies all that watch for changes. Call it after a message changed.
    pub(crate) fn release_and_notify(&self, world: MutexGuard<'_, World>) {
        drop(world);
        self.changed();
    }

    /// Notifies the live pages and the callbacks that something changed.
    pub(crate) fn changed(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    pub(crate) fn project_by_token(&self, token: &str) -> Option<(u16, &SmsProject)> {
        let position = self
            .config
            .projects
            .iter()
            .position(|project| matches_secret(&project.api_token, token))?;
        Some((u16::try_from(position).ok()?, &self.config.projects[position]))
    }

    pub(crate) fn push_account(&self, token: &str, code: &str) -> Option<(u16, &PushAccount)> {
        let position = self.config.push_accounts.iter().position(|account| {
            // `&`, not `&&`: the time must not tell which of the two is wrong.
            matches_secret(&account.token, token) & matches_secret(&account.security_code, code)
        })?;
        Some((u16::try_from(position).ok()?, &self.config.push_accounts[position]))
    }
}

fn matches_secret(secret: &SecretString, text: &str) -> bool {
    secret.expose_secret().as_bytes().ct_eq(text.as_bytes()).into()
}
