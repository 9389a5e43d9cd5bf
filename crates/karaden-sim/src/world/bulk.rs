//! Bulk sending: uploaded files and the jobs made of them. Both are bounded; the oldest goes first.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::message::Owner;
use crate::{
    id::{Id, Ids, Sequence},
    time::Instant,
};

/// Most files and most jobs kept.
const MOST_KEPT: usize = 50;
/// How long upload and download URLs are valid.
pub(crate) const URL_LIFE: Duration = Duration::from_secs(15 * 60);

pub(crate) struct BulkFile {
    pub(crate) id: Id,
    pub(crate) owner: Owner,
    pub(crate) created_at: Instant,
    pub(crate) content: Option<Bytes>,
    pub(crate) used: bool,
}

/// One line of the input and what became of it.
pub(crate) enum Row {
    Accepted(Sequence),
    Refused(Refused),
}

/// Why a line, a file or a request is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// The API's code.
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    /// The wrong fields, each with what is wrong with it.
    pub(crate) errors: Vec<(&'static str, Vec<String>)>,
}

/// A line that was not sent, as far as it could be read.
pub(crate) struct Refused {
    pub(crate) id: Id,
    pub(crate) service_id: u64,
    pub(crate) to: Box<str>,
    pub(crate) body: Box<str>,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) is_shorten: bool,
    pub(crate) limited_at: Option<Instant>,
    pub(crate) rejection: Rejection,
}

pub(crate) struct BulkJob {
    pub(crate) id: Id,
    pub(crate) owner: Owner,
    pub(crate) created_at: Instant,
    pub(crate) processing_at: Instant,
    pub(crate) done_at: Instant,
    /// The rows, or why the file could not be read.
    pub(crate) rows: Result<Vec<Row>, Rejection>,
}

impl BulkJob {
    pub(crate) fn status(&self, now: Instant) -> &'static str {
        if now < self.processing_at {
            "waiting"
        } else if now < self.done_at {
            "processing"
        } else if self.rows.is_ok() {
            "done"
        } else {
            "error"
        }
    }

    pub(crate) fn updated_at(&self, now: Instant) -> Instant {
        let steps = [self.done_at, self.processing_at];
        steps.into_iter().find(|at| *at <= now).unwrap_or(self.created_at)
    }
}

pub(crate) struct BulkStore {
    ids: Ids,
    next: u64,
    files: VecDeque<BulkFile>,
    jobs: VecDeque<BulkJob>,
}

impl BulkStore {
    pub(crate) const fn new(ids: Ids) -> Self {
        Self { ids, next: 0, files: VecDeque::new(), jobs: VecDeque::new() }
    }

    /// An id that nothing else has.
    pub(crate) fn fresh_id(&mut self) -> Id {
        self.next += 1;
        self.ids.id(self.next)
    }

    pub(crate) fn add_file(&mut self, owner: Owner, now: Instant) -> &BulkFile {
        let id = self.fresh_id();
        let file = BulkFile { id, owner, created_at: now, content: None, used: false };
        push(&mut self.files, file)
    }

    pub(crate) fn file(&mut self, id: Id) -> Option<&mut BulkFile> {
        self.files.iter_mut().find(|file| file.id == id)
    }

    pub(crate) fn add_job(&mut self, job: BulkJob) -> &BulkJob {
        push(&mut self.jobs, job)
    }

    pub(crate) fn job(&self, id: Id) -> Option<&BulkJob> {
        self.jobs.iter().find(|job| job.id == id)
    }
}

fn push<T>(kept: &mut VecDeque<T>, item: T) -> &T {
    if kept.len() == MOST_KEPT {
        kept.pop_front();
    }
    kept.push_back(item);
    &kept[kept.len() - 1]
}
