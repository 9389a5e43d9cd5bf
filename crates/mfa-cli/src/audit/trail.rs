//! Reading a whole trail, and recording what the commands do to it.

use anyhow::Context as _;
use auth_module::{AuditArchive, AuditId, AuditRecord, ChainedRecord};

use crate::actor::actor;

/// How many records are read at once.
pub(super) const PAGE: usize = 1000;

/// Records what this command does, and who runs it.
pub(super) async fn note(trail: &dyn AuditArchive, record: AuditRecord) -> anyhow::Result<()> {
    trail.record(record.by(&actor()));
    trail.flush().await.context("the audit trail cannot be written")
}

/// The records of a trail by pages, the oldest first, up to the one with the id `last`.
pub(super) struct Pages<'t> {
    trail: &'t dyn AuditArchive,
    after: Option<AuditId>,
    last: Option<AuditId>,
}

impl<'t> Pages<'t> {
    pub(super) fn of(trail: &'t dyn AuditArchive, last: Option<AuditId>) -> Self {
        Self { trail, after: None, last }
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Vec<ChainedRecord>>> {
        let mut page = self.trail.page(self.after, PAGE).await?;
        page.retain(|chained| Some(chained.record.id) <= self.last);
        self.after = page.last().map(|chained| chained.record.id).or(self.after);
        Ok(Some(page).filter(|page| !page.is_empty()))
    }
}
