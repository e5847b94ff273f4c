//! Identity of the files that a connection writes to.
//!
//! SQLite goes on writing to a file that has been deleted or moved away. It would acknowledge what
//! nobody finds again. So each transaction checks that the database and its log are still the files
//! that the connection has opened.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Paths of the database and its log.
#[derive(Clone, Debug)]
pub(super) struct Files {
    database: PathBuf,
    log: PathBuf,
}

/// Identity of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    database: Inode,
    log: Inode,
}

/// Device and number.
type Inode = (u64, u64);

impl Files {
    /// The files of the database at `path`; `None` where the file system knows of none, as with a
    /// VFS of another kind.
    pub(super) fn of(path: &Path) -> Option<Self> {
        path.exists().then(|| Files { database: path.to_owned(), log: beside(path, "-wal") })
    }

    /// The file that the line of processes is made with.
    pub(super) fn line(&self) -> PathBuf {
        beside(&self.database, "-line")
    }

    /// The files that are there now. There is a log among them once a transaction has begun.
    ///
    /// # Errors
    /// One of the files is missing.
    pub(super) fn find(&self) -> io::Result<Found> {
        Ok(Found { database: inode(&self.database)?, log: inode(&self.log)? })
    }
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut file = database.as_os_str().to_owned();
    file.push(suffix);
    file.into()
}

#[cfg(unix)]
fn inode(path: &Path) -> io::Result<Inode> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Open files cannot be deleted on these systems, so there is nothing to tell apart.
#[cfg(not(unix))]
fn inode(path: &Path) -> io::Result<Inode> {
    fs::metadata(path).map(|_| (0, 0))
}
