//! The bound on repeated audit records, in front of every trail.

use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use ipnet::IpNet;

use crate::{
    audit::{AuditRecord, AuditTrail},
    error::AuthError,
    network::networks_of,
    time::to_millis,
    user::UserId,
};

/// How long records of one kind and one key are counted together.
pub(crate) const PERIOD: Duration = Duration::from_secs(600);

/// Families that are never bounded: a session needs a code, and the others need an administrator.
const NEVER_BOUNDED: [&str; 4] = ["audit.", "session.", "user.", "users."];

/// Events that need no password. They can be about a user too: a name is enough.
const BEFORE_THE_PASSWORD: [&str; 4] =
    ["csrf.", "password.rejected", "password.throttled", "request."];

/// What the records of one event are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    User(UserId),
    /// One IPv4 address, or an IPv6 /64.
    Network(IpNet),
    /// An IPv4 /24, or an IPv6 /48, which one customer of a provider may have.
    WiderNetwork(IpNet),
    /// Every network together: the bound on many networks at once.
    AllNetworks,
}

impl Scope {
    /// Returns how many records of one event are written in one period.
    const fn limit(&self) -> u32 {
        match self {
            Self::User(_) => 5,
            // An office has one address, and several people there mistype a password at nine o'clock.
            Self::Network(_) => 20,
            Self::WiderNetwork(_) => 60,
            Self::AllNetworks => 600,
        }
    }

    /// Returns the scopes of `record`, the narrowest first. None if the record is never bounded.
    fn of(record: &AuditRecord) -> Vec<Self> {
        let is_of = |families: &[&str]| families.iter().any(|f| record.event.starts_with(f));
        if record.actor.is_some() || is_of(&NEVER_BOUNDED) {
            return Vec::new();
        }
        let user = record.user_id.clone().map(Self::User);
        if user.is_some() && !is_of(&BEFORE_THE_PASSWORD) {
            return user.into_iter().collect();
        }
        let networks = record.client.map(|client| {
            let [_, site, customer] = networks_of(client);
            [Self::Network(customer), Self::WiderNetwork(site)]
        });
        let networks = networks.into_iter().flatten();
        user.into_iter().chain(networks).chain([Self::AllNetworks]).collect()
    }
}

/// The records of one event and one scope in the current period.
#[derive(Debug)]
struct Window {
    began_at: SystemTime,
    written: u32,
    suppressed: u64,
    last_at: SystemTime,
}

impl Window {
    const fn new(began_at: SystemTime) -> Self {
        Self { began_at, written: 0, suppressed: 0, last_at: began_at }
    }

    fn is_over(&self, now: SystemTime) -> bool {
        // A window that began in the future comes from a clock that was set back.
        now.duration_since(self.began_at).map_or_else(|e| e.duration() > PERIOD, |d| d >= PERIOD)
    }

    /// Returns the one record for what was not written; `None` if everything was.
    fn summary(&self, event: &'static str, scope: &Scope) -> Option<AuditRecord> {
        if self.suppressed == 0 {
            return None;
        }
        let record = AuditRecord::new(event, self.last_at)
            .with("repeated", self.suppressed.to_string())
            .with("since", (to_millis(self.began_at) / 1000).to_string());
        Some(match scope {
            Scope::User(user) => record.about(user),
            Scope::Network(network) | Scope::WiderNetwork(network) => {
                record.with("network", network.to_string())
            }
            Scope::AllNetworks => record,
        })
    }
}

/// Numbers about the audit trail since the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditCounts {
    /// Records that were handed to the trail.
    pub written: u64,
    /// Records that were only counted, because there were too many of their kind.
    pub suppressed: u64,
    /// Records that the trail could not keep.
    pub lost: u64,
}

/// A trail that counts repeated records in place of writing each.
///
/// Each request can cause a record. Without a bound, repeated requests would fill the disk, and a full disk
/// stops all logins. Of one event and one user, five records are written in ten minutes. The others are counted,
/// and one more record tells their number: when the next such event comes after the ten minutes, or at the
/// next [`settle`](Self::settle). Events that need no password are bounded by network too.
#[derive(Debug)]
pub(crate) struct BoundedTrail {
    trail: Arc<dyn AuditTrail>,
    windows: Mutex<HashMap<(&'static str, Scope), Window>>,
    saves_space: AtomicBool,
    written: AtomicU64,
    suppressed: AtomicU64,
}

impl BoundedTrail {
    pub(crate) fn new(trail: Arc<dyn AuditTrail>) -> Self {
        Self {
            trail,
            windows: Mutex::default(),
            saves_space: AtomicBool::default(),
            written: AtomicU64::default(),
            suppressed: AtomicU64::default(),
        }
    }

    /// Sets whether the disk is nearly full. Then events that need no password are only counted, so that
    /// there is space for the records of logins.
    pub(crate) fn save_space(&self, saves_space: bool) {
        self.saves_space.store(saves_space, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> AuditCounts {
        AuditCounts {
            written: self.written.load(Ordering::Relaxed),
            suppressed: self.suppressed.load(Ordering::Relaxed),
            lost: self.trail.lost(),
        }
    }

    /// Writes the counts of the periods that have ended. Call it every minute.
    pub(crate) fn settle(&self, now: SystemTime) {
        self.write_summaries(|window| window.is_over(now));
    }

    /// Writes all counts, also those of periods that have not ended. For the end of the process.
    pub(crate) fn settle_all(&self) {
        self.write_summaries(|_| true);
    }

    fn write_summaries(&self, is_due: impl Fn(&Window) -> bool) {
        for ((event, scope), window) in self.windows().extract_if(|_, window| is_due(window)) {
            self.write_summary(event, &scope, &window);
        }
    }

    fn write_summary(&self, event: &'static str, scope: &Scope, window: &Window) {
        if let Some(summary) = window.summary(event, scope) {
            self.write(summary);
        }
    }

    fn write(&self, record: AuditRecord) {
        self.written.fetch_add(1, Ordering::Relaxed);
        self.trail.record(record);
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<(&'static str, Scope), Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts `record`. Returns whether it may be written.
    fn admit(&self, record: &AuditRecord, scopes: Vec<Scope>) -> bool {
        let (event, now) = (record.event, record.at);
        let mut windows = self.windows();
        let saves_space =
            self.saves_space.load(Ordering::Relaxed) && scopes.contains(&Scope::AllNetworks);
        let keys: Vec<_> = scopes.into_iter().map(|scope| (event, scope)).collect();
        for key in &keys {
            if windows.get(key).is_some_and(|window| window.is_over(now))
                && let Some(window) = windows.remove(key)
            {
                self.write_summary(event, &key.1, &window);
            }
        }
        let is_full = |(event, scope): &&(&'static str, Scope)| {
            let window = windows.get(&(*event, scope.clone()));
            window.is_some_and(|window| window.written >= scope.limit())
        };
        let full = keys.iter().find(is_full).or_else(|| keys.last().filter(|_| saves_space));
        if let Some(full) = full {
            let window = windows.entry(full.clone()).or_insert_with(|| Window::new(now));
            window.suppressed += 1;
            window.last_at = now;
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        for key in keys {
            windows.entry(key).or_insert_with(|| Window::new(now)).written += 1;
        }
        true
    }
}

#[async_trait]
impl AuditTrail for BoundedTrail {
    fn record(&self, record: AuditRecord) {
        let scopes = Scope::of(&record);
        if scopes.is_empty() || self.admit(&record, scopes) {
            self.write(record);
        }
    }

    async fn flush(&self) -> Result<(), AuthError> {
        self.trail.flush().await
    }

    async fn probe(&self) -> Result<(), AuthError> {
        self.trail.probe().await
    }

    fn lost(&self) -> u64 {
        self.trail.lost()
    }
}
