//! The file as the file system sees it: who may read it, and whether it is still the same one.

use std::{
    fs::{self, Metadata, OpenOptions},
    path::{Path, PathBuf},
};

use crate::error::Error;

/// Creates an empty file that only its owner can read, unless there is a file already.
///
/// SQLite gives `-wal` and `-shm` the same rights.
pub(crate) fn create_private(path: &Path) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(Error::cannot_create)
}

/// A path, and the file that it named when a connection was opened.
///
/// An open connection keeps its file after the file was moved or replaced. What it writes then is
/// lost at the next start, so each transaction checks first.
#[derive(Clone, Debug)]
pub(crate) struct NamedFile {
    path: PathBuf,
    id: FileId,
}

impl NamedFile {
    pub(crate) fn find(path: &Path) -> Result<Self, Error> {
        let file = fs::metadata(path).map_err(|source| Error::moved().with_source(source))?;
        Ok(Self { path: path.to_owned(), id: FileId::of(&file) })
    }

    /// Checks that the path still names this file and that the file is not empty.
    ///
    /// In the mode of the write-ahead log, a database file has at least its first page.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let file = fs::metadata(&self.path).map_err(|source| Error::moved().with_source(source))?;
        if FileId::of(&file) != self.id {
            return Err(Error::moved());
        }
        if file.len() == 0 {
            return Err(Error::truncated());
        }
        Ok(())
    }
}

/// Tells two files apart that have the same name at different times.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

#[cfg(unix)]
impl FileId {
    fn of(file: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;

        Self { device: file.dev(), inode: file.ino() }
    }
}

/// Elsewhere an open file can be neither moved nor removed, so all files count as the same.
#[cfg(not(unix))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId;

#[cfg(not(unix))]
impl FileId {
    fn of(_file: &Metadata) -> Self {
        Self
    }
}
