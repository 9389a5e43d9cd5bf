//! The bounded pool that computes password hashes.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use argon2::Block;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::hash::{HashParameters, PasswordHash};
use crate::error::{AuthError, AuthErrorKind};

/// How many hashes are computed at the same time, and how many may wait.
///
/// The default is twice the number of cores, and 64 waiting. Each hash that is computed takes the
/// memory of its parameters, 19 MiB by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasherLimits {
    /// Hashes computed at the same time, at least 1.
    pub at_once: usize,
    /// Hashes that may wait; the next one is refused as [`Busy`].
    pub waiting: usize,
}

impl Default for HasherLimits {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { at_once: cores * 2, waiting: 64 }
    }
}

/// More passwords are waiting to be hashed than the limit allows. Try again in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being verified")]
pub struct Busy;

/// Computes password hashes on a bounded number of threads, and reuses their working memory.
///
/// Clones share one bound.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Pool>);

struct Pool {
    parameters: HashParameters,
    /// One permit for each hash at work or waiting.
    places: Arc<Semaphore>,
    /// One permit for each hash at work.
    turns: Arc<Semaphore>,
    /// The working memory of hashes that are done.
    memory: Mutex<Vec<Vec<Block>>>,
    computed: AtomicU64,
    work_kib: AtomicU64,
}

/// What a password is checked against.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// The hash of a user.
    Hash(&'a PasswordHash),
    /// Nothing: each password is wrong, after the work of a hash with these parameters.
    Dummy(HashParameters),
}

impl PasswordHasher {
    /// Makes a pool that computes hashes of `parameters`, within `limits`.
    pub fn new(parameters: HashParameters, limits: HasherLimits) -> Self {
        let at_once = limits.at_once.max(1);
        Self(Arc::new(Pool {
            parameters,
            places: Arc::new(Semaphore::new(at_once + limits.waiting)),
            turns: Arc::new(Semaphore::new(at_once)),
            memory: Mutex::new(Vec::new()),
            computed: AtomicU64::new(0),
            work_kib: AtomicU64::new(0),
        }))
    }

    /// Returns the parameters of a new hash.
    pub fn parameters(&self) -> HashParameters {
        self.0.parameters
    }

    /// Returns how many hashes were computed so far, for metrics.
    pub fn computed(&self) -> u64 {
        self.0.computed.load(Ordering::Relaxed)
    }

    /// Returns how much memory the hashes so far have filled, in KiB. Their time is proportional to it.
    pub fn work_kib(&self) -> u64 {
        self.0.work_kib.load(Ordering::Relaxed)
    }

    /// Whether `password` is the expected one.
    ///
    /// # Errors
    ///
    /// The inner error when too many are waiting, the outer when the hash cannot be computed.
    pub async fn verify(
        &self,
        password: &SecretString,
        expected: Expected<'_>,
    ) -> Result<Result<bool, Busy>, AuthError> {
        let (hash, is_known) = match expected {
            Expected::Hash(hash) => (hash.clone(), true),
            Expected::Dummy(cost) => (PasswordHash::unmatched(cost), false),
        };
        let (password, cost) = (password.clone(), hash.parameters());
        self.run(cost, move |memory| {
            let matches = hash.matches(password.expose_secret().as_bytes(), memory)?;
            Ok(matches & is_known)
        })
        .await
    }

    /// Returns the hash of `password` with the pool's parameters and this salt.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn hash(
        &self,
        password: &SecretString,
        salt: [u8; 16],
    ) -> Result<Result<PasswordHash, Busy>, AuthError> {
        let (password, parameters) = (password.clone(), self.0.parameters);
        self.run(parameters, move |memory| {
            PasswordHash::compute(password.expose_secret().as_bytes(), &salt, parameters, memory)
        })
        .await
    }

    /// Returns the hashes of many passwords, computed on all cores. For imports: outside the limits of
    /// the pool.
    ///
    /// Blocks the calling thread.
    pub(crate) fn hash_all(
        &self,
        passwords: &[(SecretString, [u8; 16])],
    ) -> Result<Vec<PasswordHash>, AuthError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let share = passwords.len().div_ceil(cores).max(1);
        thread::scope(|scope| {
            let workers: Vec<_> = passwords
                .chunks(share)
                .map(|chunk| scope.spawn(move || self.hash_chunk(chunk)))
                .collect();
            let mut hashes = Vec::with_capacity(passwords.len());
            for worker in workers {
                hashes.extend(worker.join().map_err(|_| panicked())??);
            }
            Ok(hashes)
        })
    }

    fn hash_chunk(
        &self,
        chunk: &[(SecretString, [u8; 16])],
    ) -> Result<Vec<PasswordHash>, AuthError> {
        self.0.count(chunk.len() as u64, self.0.parameters);
        self.0.with_memory(|memory| {
            chunk
                .iter()
                .map(|(password, salt)| {
                    let password = password.expose_secret().as_bytes();
                    PasswordHash::compute(password, salt, self.0.parameters, memory)
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed)
        })
    }

    async fn run<T: Send + 'static>(
        &self,
        cost: HashParameters,
        work: impl FnOnce(&mut Vec<Block>) -> Result<T, argon2::Error> + Send + 'static,
    ) -> Result<Result<T, Busy>, AuthError> {
        let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned() else {
            return Ok(Err(Busy));
        };
        let Ok(turn) = Arc::clone(&self.0.turns).acquire_owned().await else {
            return Ok(Err(Busy));
        };
        let pool = Arc::clone(&self.0);
        // The permits move along: if the caller stops waiting, the work still occupies its place.
        let done = tokio::task::spawn_blocking(move || {
            let _permits: [OwnedSemaphorePermit; 2] = [place, turn];
            pool.count(1, cost);
            pool.with_memory(work)
        });
        done.await.map_err(|_| panicked())?.map(Ok).map_err(failed)
    }
}

impl Pool {
    fn count(&self, hashes: u64, cost: HashParameters) {
        self.computed.fetch_add(hashes, Ordering::Relaxed);
        self.work_kib.fetch_add(hashes * cost.work_kib(), Ordering::Relaxed);
    }

    fn with_memory<T>(&self, work: impl FnOnce(&mut Vec<Block>) -> T) -> T {
        let idle = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = idle.unwrap_or_default();
        let result = work(&mut memory);
        if memory.len() <= self.parameters.blocks() {
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        }
        result
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("parameters", &self.0.parameters)
            .finish_non_exhaustive()
    }
}

fn failed(source: argon2::Error) -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "cannot hash a password").with_source(source)
}

fn panicked() -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "hashing a password did not finish")
}
