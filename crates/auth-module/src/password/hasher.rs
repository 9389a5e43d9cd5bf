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

use super::{
    argon2id::{Argon2idHash, CannotHash, HashParameters, Recipe},
    hash::{HashKind, PasswordHash},
    pepper::Peppers,
    requester::Requester,
    turns::Turns,
};
use crate::error::{AuthError, AuthErrorKind};

/// How many hashes are computed at the same time, and how many may wait.
///
/// The default is twice the number of cores, and 256 waiting: on two cores the last of them waits some three seconds.
/// Each hash that is computed takes the memory of its parameters, 19 MiB by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasherLimits {
    /// Hashes computed at the same time, at least 1.
    pub at_once: usize,
    /// Hashes that may wait, at least 1. The next one is refused as [`Busy`], or takes the place of one whose network
    /// has more places.
    pub waiting: usize,
}

impl Default for HasherLimits {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { at_once: cores * 2, waiting: 256 }
    }
}

/// More passwords are waiting to be hashed than the limit allows, in all or for this client. Try again in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being verified")]
pub struct Busy;

/// Computes password hashes on a bounded number of threads, and reuses their working memory.
///
/// Clones share one bound. Waiting callers are served in turns over the client networks, so that no network and no account
/// keeps the others from being served. If a caller stops waiting, nothing is computed for it.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Pool>);

struct Pool {
    parameters: HashParameters,
    peppers: Peppers,
    /// One turn for each hash at work.
    turns: Arc<Turns>,
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
    /// Nothing: each password is wrong, after the work of a hash of this kind.
    Dummy(HashKind),
}

/// A password of an import.
pub(crate) struct PasswordJob {
    pub(crate) password: SecretString,
    pub(crate) salt: [u8; 16],
    /// The hash that the user has.
    pub(crate) current: Option<PasswordHash>,
}

impl PasswordHasher {
    /// Makes a pool that computes hashes of `parameters`, within `limits`, without a pepper.
    pub fn new(parameters: HashParameters, limits: HasherLimits) -> Self {
        Self::with_peppers(parameters, limits, Peppers::default())
    }

    /// Makes a pool that computes hashes of `parameters` with the current one of `peppers`, within `limits`.
    pub fn with_peppers(
        parameters: HashParameters,
        limits: HasherLimits,
        peppers: Peppers,
    ) -> Self {
        Self(Arc::new(Pool {
            parameters,
            peppers,
            turns: Turns::new(limits.at_once, limits.waiting),
            memory: Mutex::new(Vec::new()),
            computed: AtomicU64::new(0),
            work_kib: AtomicU64::new(0),
        }))
    }

    /// Returns the parameters of a new hash.
    pub fn parameters(&self) -> HashParameters {
        self.0.parameters
    }

    /// How a new hash is made.
    fn recipe(&self) -> Recipe {
        Recipe { parameters: self.0.parameters, pepper: self.0.peppers.current(), is_nfkc: true }
    }

    /// Whether a new hash should take the place of `hash`, now that `password` is known to be right.
    pub(super) fn would_replace(&self, hash: &PasswordHash, password: &SecretString) -> bool {
        hash.is_outdated(self.recipe(), password.expose_secret())
    }

    /// Returns how many hashes were computed so far, for metrics.
    pub fn computed(&self) -> u64 {
        self.0.computed.load(Ordering::Relaxed)
    }

    /// Returns how much memory the Argon2id hashes so far have filled, in KiB. Their time is proportional
    /// to it. Hashes from elsewhere are not counted.
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
        requester: Requester,
    ) -> Result<Result<bool, Busy>, AuthError> {
        let (hash, is_known) = match expected {
            Expected::Hash(hash) => (hash.clone(), true),
            Expected::Dummy(cost) => (PasswordHash::unmatched(cost), false),
        };
        let (password, kind, pool) = (password.clone(), hash.kind(), Arc::clone(&self.0));
        self.run(requester, kind, move |memory| {
            let matches = hash.matches(password.expose_secret(), &pool.peppers, memory)?;
            Ok(matches & is_known)
        })
        .await
    }

    /// Returns the hash of `password` with the pool's parameters and this salt, for an operator who sets it.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn hash(
        &self,
        password: &SecretString,
        salt: [u8; 16],
    ) -> Result<Result<PasswordHash, Busy>, AuthError> {
        self.hash_for(Requester::operator(), password, salt).await
    }

    /// Like [`hash`](Self::hash), for a user whose hash is replaced.
    pub(super) async fn hash_for(
        &self,
        requester: Requester,
        password: &SecretString,
        salt: [u8; 16],
    ) -> Result<Result<PasswordHash, Busy>, AuthError> {
        let (password, recipe, pool) = (password.clone(), self.recipe(), Arc::clone(&self.0));
        self.run(requester, recipe.parameters.into(), move |memory| {
            let password = password.expose_secret();
            Argon2idHash::compute(password, &salt, recipe, &pool.peppers, memory).map(Into::into)
        })
        .await
    }

    /// Returns the hashes of many passwords, computed on all cores; `None` for a password whose current
    /// hash is right. For imports: outside the limits of the pool.
    ///
    /// Blocks the calling thread.
    pub(crate) fn hash_all(
        &self,
        passwords: &[PasswordJob],
    ) -> Result<Vec<Option<PasswordHash>>, AuthError> {
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

    fn hash_chunk(&self, chunk: &[PasswordJob]) -> Result<Vec<Option<PasswordHash>>, AuthError> {
        self.0.count(chunk.len() as u64, self.0.parameters.into());
        self.0.with_memory(|memory| {
            chunk
                .iter()
                .map(|PasswordJob { password, salt, current }| {
                    let (password, peppers) = (password.expose_secret(), &self.0.peppers);
                    if let Some(current) = current
                        && current.matches(password, peppers, memory)?
                    {
                        return Ok(None);
                    }
                    let hash =
                        Argon2idHash::compute(password, salt, self.recipe(), peppers, memory)?;
                    Ok(Some(hash.into()))
                })
                .collect::<Result<Vec<_>, CannotHash>>()
                .map_err(failed)
        })
    }

    async fn run<T: Send + 'static>(
        &self,
        requester: Requester,
        kind: HashKind,
        work: impl FnOnce(&mut Vec<Block>) -> Result<T, CannotHash> + Send + 'static,
    ) -> Result<Result<T, Busy>, AuthError> {
        let Some(turn) = self.0.turns.take(requester).await else { return Ok(Err(Busy)) };
        let pool = Arc::clone(&self.0);
        // The turn moves along: if the caller goes away now, the work still occupies it. It comes back with the result, so
        // that callers go on in the order in which they were served.
        let work = tokio::task::spawn_blocking(move || {
            pool.count(1, kind);
            (pool.with_memory(work), turn)
        });
        let (done, _turn) = work.await.map_err(|_| panicked())?;
        done.map(Ok).map_err(failed)
    }
}

impl Pool {
    fn count(&self, hashes: u64, kind: HashKind) {
        self.computed.fetch_add(hashes, Ordering::Relaxed);
        self.work_kib.fetch_add(hashes * kind.work_kib(), Ordering::Relaxed);
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

fn failed(source: CannotHash) -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "cannot hash a password").with_source(source)
}

fn panicked() -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "hashing a password did not finish")
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;

    use otp_cache::QuotaKey;

    use super::*;

    #[tokio::test]
    async fn nothing_is_computed_for_a_caller_that_goes_while_waiting() {
        let parameters = HashParameters::new(4096, 1, 1).unwrap();
        let hasher = PasswordHasher::new(parameters, HasherLimits { at_once: 1, waiting: 4 });
        let requester = |n: u8| Requester::new([10, n, 0, 1].into(), QuotaKey::from_bytes([n; 16]));
        let password = SecretString::from("a password");
        let turn = hasher.0.turns.take(requester(1)).await;
        {
            let mut waiting = Box::pin(hasher.verify(
                &password,
                Expected::Dummy(parameters.into()),
                requester(2),
            ));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
        }
        drop(turn);
        let next = hasher.verify(&password, Expected::Dummy(parameters.into()), requester(3));
        assert_eq!(next.await.unwrap(), Ok(false));
        assert_eq!(hasher.computed(), 1);
    }
}
