//! The space on the disk of the databases.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::config::Disk;

/// What the probe writes: more than fits into the space that a database may have kept for itself.
const PROBE_BYTES: usize = 64 * 1024;

/// How much space is left, compared with the limits of the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Space {
    #[default]
    Enough,
    /// Less than the operator wants: logged, and shown as a metric.
    Low,
    /// So little that it is kept for the records of logins.
    Reserve,
}

/// Watches the folder of the databases.
#[derive(Debug)]
pub(crate) struct DiskWatch {
    folder: PathBuf,
    limits: Mutex<Disk>,
    free_bytes: AtomicU64,
    /// What the last check found.
    space: Mutex<Space>,
}

impl DiskWatch {
    pub(crate) fn new(folder: PathBuf, limits: Disk) -> Self {
        let (limits, space) = (Mutex::new(limits), Mutex::default());
        Self { folder, limits, free_bytes: AtomicU64::default(), space }
    }

    /// Sets the limits for the checks from now on.
    pub(crate) fn set_limits(&self, limits: Disk) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Returns the free bytes that the last check found.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Checks how much space there is, and logs a change. Blocks.
    pub(crate) fn check_space(&self) -> io::Result<Space> {
        let found = rustix::fs::statvfs(&self.folder)?;
        let free_bytes = found.f_bavail.saturating_mul(found.f_frsize);
        self.free_bytes.store(free_bytes, Ordering::Relaxed);
        let limits = *self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let space = match free_bytes {
            free if free < limits.reserve_bytes => Space::Reserve,
            free if free < limits.warn_bytes => Space::Low,
            _ => Space::Enough,
        };
        self.log_change(space, free_bytes);
        Ok(space)
    }

    fn log_change(&self, space: Space, free_bytes: u64) {
        let mut last = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *last, space) == space {
            return;
        }
        match space {
            Space::Enough => {
                tracing::info!(
                    event = "disk.enough",
                    free_bytes,
                    "there is enough free space again"
                );
            }
            Space::Low => {
                tracing::warn!(
                    event = "disk.low",
                    free_bytes,
                    "the disk of the databases is nearly full"
                );
            }
            Space::Reserve => {
                tracing::error!(
                    event = "disk.reserve",
                    free_bytes,
                    "the disk of the databases is nearly full; the audit trail only counts what needs no password"
                );
            }
        }
    }

    /// Writes a file next to the databases, and removes it. Blocks.
    ///
    /// A small write to a database can succeed on a full disk: SQLite writes over space that it has.
    pub(crate) fn check_write(&self) -> io::Result<()> {
        let file = self.folder.join("space.probe");
        let written = write_probe(&file);
        let removed = match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        written.and(removed)
    }
}

fn write_probe(file: &Path) -> io::Result<()> {
    std::fs::write(file, vec![0; PROBE_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(warn_bytes: u64, reserve_bytes: u64) -> (tempfile::TempDir, DiskWatch) {
        let folder = tempfile::tempdir().expect("a folder");
        let watch = DiskWatch::new(folder.path().to_owned(), Disk { warn_bytes, reserve_bytes });
        (folder, watch)
    }

    #[test]
    fn space_is_compared_with_both_limits() {
        for (warn, reserve, expected) in
            [(0, 0, Space::Enough), (u64::MAX, 0, Space::Low), (u64::MAX, u64::MAX, Space::Reserve)]
        {
            let (_folder, watch) = watch(warn, reserve);
            assert_eq!(watch.check_space().expect("a file system"), expected);
            assert!(watch.free_bytes() > 0);
        }
    }

    #[test]
    fn the_probe_leaves_no_file() {
        let (folder, watch) = watch(0, 0);
        watch.check_write().expect("space");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
        drop(folder);
        assert!(watch.check_write().is_err());
    }
}
