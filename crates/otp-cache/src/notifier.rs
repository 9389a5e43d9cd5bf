//! Waking the pages that wait for news of a subject.

use std::fmt::Debug;

use async_trait::async_trait;
use otp_core::SubjectKey;

use crate::StoreError;

/// Wakes the tasks that wait until something about a subject changes.
///
/// A notification carries no content: the subscriber reads the store again. Its topic is the subject, not
/// the challenge, because a new challenge may take the place of the one that a page shows.
///
/// # Contract
///
/// Every number has its function in [`conformance::notifier`](crate::conformance::notifier) (feature
/// `conformance`), which your own notifier can run too.
///
/// 1. **Every subscription wakes.** [`notify`](Self::notify) wakes all subscriptions of its subject, on
///    every node.
/// 2. **Nothing is lost.** [`Subscription::changed`] returns for each notification since
///    [`subscribe`](Self::subscribe) returned. This includes a notification before the first call of
///    `changed`, and one after a call that was dropped. Several notifications may cause one return.
/// 3. **Subjects are apart.** A notification wakes no subscription of another subject.
/// 4. **A wake-up is used once.** After `changed` has returned for all notifications so far, it waits for
///    the next one.
/// 5. **Bounded.** The number of subscriptions is bounded.
///    [`Capacity`](crate::StoreErrorKind::Capacity) refuses the next one; those that exist stay. Dropping
///    a subscription makes room.
/// 6. **A lost connection wakes.** If a notifier may have missed notifications, it wakes all its
///    subscriptions once it is connected again. Meanwhile `notify` returns an error within its timeout, or
///    has reached every node that it can reach.
#[async_trait]
pub trait Notifier: Debug + Send + Sync + 'static {
    /// Wakes all subscriptions of `subject`.
    ///
    /// Call it after the change is stored: subscribers read at once.
    ///
    /// # Errors
    ///
    /// When the notification may not have reached other nodes. It still wakes the subscriptions of this process.
    async fn notify(&self, subject: SubjectKey) -> Result<(), StoreError>;

    /// Subscribes to `subject`. Does not block: it talks to no server.
    ///
    /// Subscribe before you read what you wait for, so that no change falls between the two.
    ///
    /// # Errors
    ///
    /// [`Capacity`](crate::StoreErrorKind::Capacity) when there are too many subscriptions.
    fn subscribe(&self, subject: SubjectKey) -> Result<Box<dyn Subscription>, StoreError>;
}

const _: fn(&dyn Notifier) = |_| {};

/// A subscription of a [`Notifier`]. Dropping it ends it.
#[async_trait]
pub trait Subscription: Debug + Send + 'static {
    /// Waits until something about the subject has changed since the subscription began, or since the
    /// last return. May also return without a change.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped loses no notification.
    async fn changed(&mut self);
}
