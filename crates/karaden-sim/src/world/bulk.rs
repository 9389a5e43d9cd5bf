//! Bulk sending: uploaded files and the jobs that send them. Of both, only the newest are kept.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use serde::Serialize;

use super::message::Owner;
use crate::{
    id::{Id, Ids, Sequence},
    time::Instant,
};

/// Maximum count of files, and of jobs.
const MAX_KEPT: usize = 50;
/// Validity of upload and download URLs.
pub(crate) const URL_LIFETIME: Duration = Duration::from_secs(15 * 60);

pub(crate) struct BulkFile {
    pub(crate) id: Id,
    pub(crate) owner: Owner,
    pub(crate) created_at: Instant,
    pub(crate) content: Option<Bytes>,
    pub(crate) used: bool,
}

/// The result of one row of the file.
pub(crate) enum Row {
    Accepted(Sequence),
    Refused(Refused),
}

/// Why a row, a file or a request is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// The API's code.
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    /// The invalid fields, each with the reasons.
    pub(crate) errors: Vec<(&'static str, Vec<String>)>,
}

/// The fields of a row that was not sent, as far as they could be parsed.
pub(crate) struct Refused {
    pub(crate) id: Id,
    pub(crate) service_id: u64,
    pub(crate) to: Box<str>,
    pub(crate) body: Box<str>,
    pub(crate) tags: Box<[Box<str>]>,
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

/// The state of a bulk send, by the names of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BulkStatus {
    Waiting,
    Processing,
    Done,
    Error,
}

impl BulkJob {
    pub(crate) fn status(&self, now: Instant) -> BulkStatus {
        if now < self.processing_at {
            BulkStatus::Waiting
        } else if now < self.done_at {
            BulkStatus::Processing
        } else if self.rows.is_ok() {
            BulkStatus::Done
        } else {
            BulkStatus::Error
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

    /// Returns a new id.
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
    if kept.len() == MAX_KEPT {
        kept.pop_front();
    }
    kept.push_back(item);
    &kept[kept.len() - 1]
}
