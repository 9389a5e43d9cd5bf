//! What the audit trail needs while the gateway runs: sealed segments, and its head in the log.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use auth_module::{AuditArchive, AuthError, ChainHead, SealRule};

use crate::config::Audit;

/// How often the head is logged if it has changed.
const HEAD_INTERVAL: Duration = Duration::from_secs(3600);

/// Seals segments, and logs the head of the chain.
#[derive(Debug)]
pub(crate) struct AuditUpkeep {
    trail: Arc<dyn AuditArchive>,
    settings: Mutex<Audit>,
    logged: Mutex<Option<(ChainHead, SystemTime)>>,
}

impl AuditUpkeep {
    pub(crate) fn new(trail: Arc<dyn AuditArchive>, settings: Audit) -> Self {
        Self { trail, settings: Mutex::new(settings), logged: Mutex::default() }
    }

    /// Sets when a segment is due.
    pub(crate) fn set(&self, settings: Audit) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Seals the segment if it is due, and logs the head once an hour. Call it every minute.
    pub(crate) async fn tick(&self, now: SystemTime) -> Result<(), AuthError> {
        let settings = *self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let before = now.checked_sub(settings.segment_age).unwrap_or(SystemTime::UNIX_EPOCH);
        let rule = SealRule::Due { before, records: settings.segment_records };
        if let Some(segment) = self.trail.seal(rule, now).await? {
            tracing::info!(
                event = "audit.segment_sealed", number = segment.number, first = segment.first.0,
                last = segment.last.0, head = %segment.head, seal = %segment.seal,
                "a segment of the audit trail was sealed"
            );
        }
        let is_due = |(_, at): &(ChainHead, SystemTime)| {
            now.duration_since(*at).map_or(true, |since| since >= HEAD_INTERVAL)
        };
        if self.logged().as_ref().is_none_or(is_due) {
            self.log_head(now).await?;
        }
        Ok(())
    }

    /// Logs the head of the chain, unless it is in the log already.
    ///
    /// A copy of the log on another machine then shows whether records were removed from the end.
    pub(crate) async fn log_head(&self, now: SystemTime) -> Result<(), AuthError> {
        let Some(head) = self.trail.head().await? else { return Ok(()) };
        if self.logged().replace((head, now)).is_none_or(|(logged, _)| logged != head) {
            tracing::info!(event = "audit.head", %head, "the last record of the audit trail");
        }
        Ok(())
    }

    fn logged(&self) -> MutexGuard<'_, Option<(ChainHead, SystemTime)>> {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
