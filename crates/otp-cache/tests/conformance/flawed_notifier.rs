//! A third party's notifier between several nodes: without a flaw, or with one that somebody might make.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use otp_cache::{Notifier, StoreError, StoreErrorKind, Subscription, conformance::Outage};
use otp_core::SubjectKey;
use tokio::sync::{Notify, broadcast, watch};

/// What is wrong with the notifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Wakes the subscriptions of its own node.
    KnowsOneNode,
    /// Wakes one subscription only.
    WakesOne,
    /// Wakes those who wait just now.
    ForgetsWithoutAWaiter,
    /// Takes the notification with the wait, and loses it when the wait is dropped.
    LosesADroppedWait,
    /// Wakes everybody.
    MixesSubjects,
    /// Stays awake after the first notification.
    StaysAwake,
    /// Has no bound.
    NeverFull,
    /// Counts dropped subscriptions.
    CountsTheDropped,
    /// Ends old subscriptions to make room.
    Evicts,
    /// Does not notice that it missed something.
    SleepsThroughAnOutage,
    /// Waits for the end of the outage.
    Hangs,
    /// Has one short queue for all subjects, and does not notice that it missed some of it.
    IgnoresALag,
}

/// One subscription as the notifier knows it. Each notification raises `told`.
#[derive(Debug)]
struct Entry {
    subject: SubjectKey,
    node: usize,
    told: watch::Sender<u64>,
    waiting: Notify,
}

/// What connects the nodes.
#[derive(Debug)]
struct Wire {
    entries: Mutex<Vec<Arc<Entry>>>,
    /// The queue of [`Flaw::IgnoresALag`].
    all: broadcast::Sender<SubjectKey>,
    is_out: AtomicBool,
    counted: AtomicUsize,
}

/// One node's handle.
#[derive(Debug, Clone)]
pub(crate) struct Flawed {
    flaw: Flaw,
    node: usize,
    capacity: usize,
    wire: Arc<Wire>,
}

impl Flawed {
    /// Returns the handles of two nodes.
    pub(crate) fn pair(flaw: Flaw) -> Vec<Self> {
        let first = Self::with_capacity(flaw, usize::MAX);
        let second = Self { node: 1, ..first.clone() };
        vec![first, second]
    }

    pub(crate) fn with_capacity(flaw: Flaw, capacity: usize) -> Self {
        let wire = Wire {
            entries: Mutex::default(),
            all: broadcast::Sender::new(16),
            is_out: AtomicBool::new(false),
            counted: AtomicUsize::new(0),
        };
        Self { flaw, node: 0, capacity, wire: Arc::new(wire) }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn tell(&self, is_meant: impl Fn(&Entry) -> bool) {
        for entry in self.wire.entries.lock().expect("no panic holds it").iter() {
            if is_meant(entry) {
                entry.told.send_modify(|told| *told += 1);
                entry.waiting.notify_waiters();
                if self.has(Flaw::WakesOne) {
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl Outage for Flawed {
    async fn begin(&self) {
        self.wire.is_out.store(true, Ordering::SeqCst);
    }

    async fn end(&self) {
        self.wire.is_out.store(false, Ordering::SeqCst);
        if !self.has(Flaw::SleepsThroughAnOutage) {
            self.tell(|_| true);
            for entry in self.wire.entries.lock().expect("no panic holds it").iter() {
                let _ = self.wire.all.send(entry.subject);
            }
        }
    }
}

#[async_trait]
impl Notifier for Flawed {
    async fn notify(&self, subject: SubjectKey) -> Result<(), StoreError> {
        if self.wire.is_out.load(Ordering::SeqCst) {
            if self.has(Flaw::Hangs) {
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the backend is out"));
        }
        let _ = self.wire.all.send(subject);
        self.tell(|entry| {
            (entry.subject == subject || self.has(Flaw::MixesSubjects))
                && (entry.node == self.node || !self.has(Flaw::KnowsOneNode))
        });
        Ok(())
    }

    fn subscribe(&self, subject: SubjectKey) -> Result<Box<dyn Subscription>, StoreError> {
        let mut entries = self.wire.entries.lock().expect("no panic holds it");
        if entries.len() >= self.capacity && self.has(Flaw::Evicts) {
            entries.remove(0);
        }
        let counted = self.wire.counted.fetch_add(1, Ordering::SeqCst);
        let in_use = if self.has(Flaw::CountsTheDropped) { counted } else { entries.len() };
        if in_use >= self.capacity && !self.has(Flaw::NeverFull) {
            return Err(StoreError::new(StoreErrorKind::Capacity, "too many subscriptions"));
        }
        let told = watch::Sender::new(0);
        let seen = told.subscribe();
        let entry = Arc::new(Entry { subject, node: self.node, told, waiting: Notify::new() });
        entries.push(Arc::clone(&entry));
        let all = self.wire.all.subscribe();
        Ok(Box::new(Subscribed { flaw: self.flaw, wire: Arc::clone(&self.wire), entry, seen, all }))
    }
}

#[derive(Debug)]
struct Subscribed {
    flaw: Flaw,
    wire: Arc<Wire>,
    entry: Arc<Entry>,
    seen: watch::Receiver<u64>,
    all: broadcast::Receiver<SubjectKey>,
}

#[async_trait]
impl Subscription for Subscribed {
    async fn changed(&mut self) {
        match self.flaw {
            Flaw::ForgetsWithoutAWaiter => self.entry.waiting.notified().await,
            Flaw::LosesADroppedWait => {
                let taken = TakenByTheWait(&mut self.seen);
                let _ = taken.0.changed().await;
            }
            Flaw::IgnoresALag => {
                // An error: it has missed some, of this subject or of others.
                while self.all.recv().await != Ok(self.entry.subject) {}
            }
            Flaw::StaysAwake => {
                let _ = self.seen.wait_for(|told| *told > 0).await;
            }
            _ => {
                let _ = self.seen.changed().await;
            }
        }
    }
}

/// Counts the notifications so far as seen, whether the wait returned or was dropped.
struct TakenByTheWait<'a>(&'a mut watch::Receiver<u64>);

impl Drop for TakenByTheWait<'_> {
    fn drop(&mut self) {
        self.0.mark_unchanged();
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        let mut entries = self.wire.entries.lock().expect("no panic holds it");
        entries.retain(|entry| !Arc::ptr_eq(entry, &self.entry));
    }
}
