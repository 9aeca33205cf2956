//! One error type: what was being done, to which path, and what the system said.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every way in which the engine can fail.
///
/// Cloning is cheap: an error of a stream is reported to each call that follows it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb ("open", "write", "link").
        operation: &'static str,
        /// The path it was done to.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// No thread is to be had for the work.
    #[error("cannot start {what}: {source}")]
    NoThread {
        /// The thread.
        what: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// There is no object at this path.
    #[error("no data at {}", path.display())]
    Missing {
        /// Where the object was looked for.
        path: PathBuf,
    },
    /// The bytes at this path are not those that their name promises.
    #[error("{}: expected {expected}, found {actual}", path.display())]
    Corrupt {
        /// The object.
        path: PathBuf,
        /// The size or hash that was promised.
        expected: String,
        /// The size or hash that was found.
        actual: String,
    },
    /// The bytes handed in are not those that their digest describes.
    #[error("the data does not match its digest: expected {expected}, found {actual}")]
    Mismatch {
        /// The size or hash that the digest gives.
        expected: String,
        /// The size or hash of the data.
        actual: String,
    },
    /// There are more bytes than an object may have.
    #[error("{} is too large: {limit} bytes are allowed, it has {size}", path.display())]
    TooLarge {
        /// The file that they are in.
        path: PathBuf,
        /// How many there may be.
        limit: u64,
        /// How many there are.
        size: u64,
    },
    /// An argument that no call can work with.
    #[error("{0}")]
    Invalid(String),
    /// The stream or staged object was finished, aborted or closed before this call.
    #[error("{0}")]
    Closed(&'static str),
    /// The caller has gone away.
    #[error("the operation was cancelled")]
    Cancelled,
    /// The object belongs to the process that this one was forked from.
    #[error("this belongs to the parent process and cannot be used after fork")]
    Forked,
    /// A defect of the engine, caught at the job that showed it.
    #[error("internal error: {0}")]
    Panicked(String),
}

/// The result of anything in the engine.
pub type Result<T> = std::result::Result<T, Error>;

/// How an error names a text that may come from anywhere: quoted, and not all of something long.
pub(crate) fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(200).collect::<String>())
}

/// Writes a size as an error names it.
pub(crate) fn size_text(size: u64) -> String {
    format!("{size} bytes")
}

/// Adds to a system error what was being done and to which path.
pub trait Context<T> {
    /// Names the operation (a verb) and its path.
    fn context(self, operation: &'static str, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { operation, path: path.to_owned(), source: Arc::new(source.into()) })
    }
}

impl Error {
    /// The system's number of it.
    pub(crate) fn errno(&self) -> Option<i32> {
        if let Error::Io { source, .. } = self { source.raw_os_error() } else { None }
    }

    /// Turns "no such file" into [`Error::Missing`]: a path that leads nowhere is missing data, too.
    #[must_use]
    pub fn or_missing(self) -> Self {
        match self {
            Error::Io { path, source, .. }
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                Error::Missing { path }
            }
            other => other,
        }
    }

    /// As [`Self::or_missing`], for the object at `object`, whatever on the way to it is missing.
    #[must_use]
    pub(crate) fn missing_at(self, object: &Path) -> Self {
        match self.or_missing() {
            Error::Missing { .. } => Error::Missing { path: object.to_owned() },
            other => other,
        }
    }

    /// The kind of the system error, where this is one.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Error::Io { source, .. } => Some(source.kind()),
            _ => None,
        }
    }

    /// Whether this says of an object that it does not hold, or does not give, its content.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Error::Corrupt { .. }) || self.io_kind() == Some(io::ErrorKind::PermissionDenied)
    }

    /// Whether the process or the machine ran out of a resource: true for EMFILE, ENFILE and ENOMEM.
    pub(crate) fn is_resource_exhausted(&self) -> bool {
        #[cfg(unix)]
        if let Some(number) = self.errno() {
            use rustix::io::Errno;
            return [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error).contains(&number);
        }
        self.io_kind() == Some(io::ErrorKind::OutOfMemory)
    }

    /// Whether the file system takes no new file here, be it for want of space or of a right.
    pub(crate) fn is_refusal(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};

        let kinds = [PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
        self.io_kind().is_some_and(|kind| kinds.contains(&kind))
    }

    pub(crate) fn no_thread(what: &'static str, source: io::Error) -> Self {
        Error::NoThread { what, source: Arc::new(source) }
    }

    pub(crate) fn corrupt(path: &Path, expected: &impl ToString, actual: &impl ToString) -> Self {
        Error::Corrupt { path: path.to_owned(), expected: expected.to_string(), actual: actual.to_string() }
    }
}
