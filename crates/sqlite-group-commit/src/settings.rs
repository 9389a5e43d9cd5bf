//! How a file is opened and used.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::Connection;

use crate::layout::Layout;

/// What one failed statement undoes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureScope {
    /// Only its own job: each job gets a savepoint. A failure of the file still undoes the whole
    /// transaction.
    #[default]
    Job,
    /// The whole transaction, with all jobs that share it. Needs no savepoint for each job. For jobs
    /// whose statements fail only if the file does.
    Batch,
}

/// Frees space in a file that has reached its size limit.
pub(crate) type Reclaim = Arc<dyn Fn(&Connection) -> rusqlite::Result<()> + Send + Sync>;

/// Which file to open, and how to use it.
#[derive(Clone)]
pub struct FileSettings {
    pub(crate) path: PathBuf,
    pub(crate) layout: Layout,
    pub(crate) busy_timeout: Duration,
    pub(crate) failure_scope: FailureScope,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) queue_length: usize,
    pub(crate) reclaim: Option<Reclaim>,
}

impl FileSettings {
    /// Describes the file at `path`, with the defaults of the other settings.
    pub fn new(path: impl AsRef<Path>, layout: Layout) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            layout,
            busy_timeout: Duration::from_secs(2),
            failure_scope: FailureScope::default(),
            max_bytes: None,
            queue_length: 1024,
            reclaim: None,
        }
    }

    /// Sets how long a transaction waits for another process that holds the file. Default: 2 s.
    ///
    /// A call waits for [`QUEUE_TIMEOUT`](crate::QUEUE_TIMEOUT) at most until its work begins, also with a longer
    /// busy timeout.
    #[must_use]
    pub fn with_busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout;
        self
    }

    /// Sets what one failed statement undoes. Default: only its own job.
    #[must_use]
    pub fn with_failure_scope(mut self, failure_scope: FailureScope) -> Self {
        self.failure_scope = failure_scope;
        self
    }

    /// Sets the size limit of the file in bytes, rounded down to whole pages. Default: none.
    ///
    /// The write-ahead log (`-wal`) comes on top: usually a few megabytes.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Sets how many jobs may wait for the writer thread, at least 1. Default: 1024.
    #[must_use]
    pub fn with_queue_length(mut self, queue_length: usize) -> Self {
        self.queue_length = queue_length.max(1);
        self
    }

    /// Sets what frees space after a transaction ran out of it. Default: nothing.
    ///
    /// It runs in a transaction of its own, after the callers have got their errors.
    #[must_use]
    pub fn with_reclaim(
        mut self,
        reclaim: impl Fn(&Connection) -> rusqlite::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.reclaim = Some(Arc::new(reclaim));
        self
    }
}

impl fmt::Debug for FileSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSettings").field("path", &self.path).finish_non_exhaustive()
    }
}
