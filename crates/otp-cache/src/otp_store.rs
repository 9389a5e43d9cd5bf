//! Both contracts at once.

use crate::{ChallengeStore, Quota};

/// A store of challenges and of quotas. Every type that is both is an `OtpStore`.
///
/// Take it where one store does both jobs, so that one `Arc` is enough:
///
/// ```
/// use std::sync::Arc;
///
/// use otp_cache::{ChallengeStore, OtpStore, Quota, memory::MemoryStore};
///
/// let store: Arc<dyn OtpStore> = Arc::new(MemoryStore::new());
/// let challenges: Arc<dyn ChallengeStore> = store.clone();
/// let quota: Arc<dyn Quota> = store;
/// ```
pub trait OtpStore: ChallengeStore + Quota {}

impl<T: ChallengeStore + Quota + ?Sized> OtpStore for T {}

const _: fn(&dyn OtpStore) = |_| {};
