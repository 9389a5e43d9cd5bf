//! The notifier of one process.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use otp_core::SubjectKey;
use tokio::sync::watch;

use crate::{Notifier, StoreError, StoreErrorKind, Subscription};

/// Wakes the subscriptions of this process: for the memory backend, and for SQLite where one process
/// uses the file.
///
/// Clones share the subscriptions. Needs no runtime.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use otp_cache::{LocalNotifier, Notifier as _};
/// use otp_core::SubjectKey;
///
/// let notifier = LocalNotifier::new();
/// let alice = SubjectKey::derive("", "alice");
/// let mut news = notifier.subscribe(alice)?;
/// notifier.notify(alice).await?;
/// news.changed().await;
/// # Ok::<(), otp_cache::StoreError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LocalNotifier(Arc<Shared>);

struct Shared {
    topics: Mutex<Topics>,
    capacity: usize,
}

#[derive(Default)]
struct Topics {
    by_subject: HashMap<SubjectKey, Topic>,
    subscriptions: usize,
}

/// A subject with at least one subscription.
struct Topic {
    changes: watch::Sender<()>,
    subscriptions: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Topics> {
        // No step under the lock can panic halfway.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalNotifier {
    /// Room for 100,000 subscriptions.
    pub fn new() -> Self {
        Self::with_capacity(100_000)
    }

    /// Room for this many subscriptions. Memory is taken as it is needed: about 300 bytes each.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Arc::new(Shared { topics: Mutex::default(), capacity }))
    }

    /// Returns the number of subscriptions.
    pub fn subscriptions(&self) -> usize {
        self.0.lock().subscriptions
    }

    /// Wakes the subscriptions of `subject` in this process.
    pub(crate) fn wake(&self, subject: SubjectKey) {
        if let Some(topic) = self.0.lock().by_subject.get(&subject) {
            topic.changes.send_replace(());
        }
    }

    /// Wakes every subscription of this process: notifications may have been missed.
    #[cfg(feature = "redis")]
    pub(crate) fn wake_all(&self) {
        for topic in self.0.lock().by_subject.values() {
            topic.changes.send_replace(());
        }
    }
}

impl Default for LocalNotifier {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalNotifier")
            .field("subscriptions", &self.subscriptions())
            .field("capacity", &self.0.capacity)
            .finish()
    }
}

#[async_trait]
impl Notifier for LocalNotifier {
    async fn notify(&self, subject: SubjectKey) -> Result<(), StoreError> {
        self.wake(subject);
        Ok(())
    }

    fn subscribe(&self, subject: SubjectKey) -> Result<Box<dyn Subscription>, StoreError> {
        let mut topics = self.0.lock();
        if topics.subscriptions >= self.0.capacity {
            return Err(StoreError::new(
                StoreErrorKind::Capacity,
                "the notifier has too many subscriptions",
            ));
        }
        topics.subscriptions += 1;
        let topic = topics
            .by_subject
            .entry(subject)
            .or_insert_with(|| Topic { changes: watch::Sender::new(()), subscriptions: 0 });
        topic.subscriptions += 1;
        let changes = topic.changes.subscribe();
        Ok(Box::new(Local { subject, changes, shared: Arc::clone(&self.0) }))
    }
}

struct Local {
    subject: SubjectKey,
    changes: watch::Receiver<()>,
    shared: Arc<Shared>,
}

#[async_trait]
impl Subscription for Local {
    async fn changed(&mut self) {
        // Fails only without a sender. This subscription keeps the topic and so the sender alive.
        let _ = self.changes.changed().await;
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let mut topics = self.shared.lock();
        topics.subscriptions -= 1;
        let Some(topic) = topics.by_subject.get_mut(&self.subject) else {
            return;
        };
        topic.subscriptions -= 1;
        if topic.subscriptions == 0 {
            topics.by_subject.remove(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_ends_with_its_last_subscription() {
        let notifier = LocalNotifier::new();
        let (alice, bob) = (SubjectKey::derive("", "alice"), SubjectKey::derive("", "bob"));
        let first = notifier.subscribe(alice).expect("room");
        let second = notifier.subscribe(alice).expect("room");
        let third = notifier.subscribe(bob).expect("room");
        assert_eq!((notifier.subscriptions(), notifier.0.lock().by_subject.len()), (3, 2));
        drop((first, third));
        assert_eq!((notifier.subscriptions(), notifier.0.lock().by_subject.len()), (1, 1));
        drop(second);
        assert_eq!((notifier.subscriptions(), notifier.0.lock().by_subject.len()), (0, 0));
    }
}
