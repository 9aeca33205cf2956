//! The error type of the engine. It carries the failed operation, the path and the system error.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error of the engine.
///
/// Cloning is cheap: a stream reports its first error to every later call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// The operation, as a verb ("open", "write", "link").
        operation: &'static str,
        /// The path that the operation was applied to.
        path: PathBuf,
        /// The system error.
        source: Arc<io::Error>,
    },
    /// A thread could not be started.
    #[error("cannot start {thread}: {source}")]
    SpawnFailed {
        /// The purpose of the thread ("a worker thread").
        thread: &'static str,
        /// The system error.
        source: Arc<io::Error>,
    },
    /// There is no object at this path.
    #[error("object not found: {}", path.display())]
    Missing {
        /// The path of the object.
        path: PathBuf,
    },
    /// The content of an object does not match its size or hash.
    #[error("corrupt object: {}: expected {expected}, found {actual}", path.display())]
    Corrupt {
        /// The path of the object.
        path: PathBuf,
        /// The expected size or hash.
        expected: String,
        /// The size or hash that was found.
        actual: String,
    },
    /// The content from the caller does not match the digest from the caller.
    #[error("the data does not match its digest: expected {expected}, found {actual}")]
    Mismatch {
        /// The size or hash in the digest.
        expected: String,
        /// The size or hash of the content.
        actual: String,
    },
    /// The file exceeds the maximum size of an object.
    #[error("object too large: {}: {size} bytes exceeds the limit of {limit}", path.display())]
    TooLarge {
        /// The path of the file.
        path: PathBuf,
        /// The maximum size of an object in bytes.
        limit: u64,
        /// The size of the file in bytes.
        size: u64,
    },
    /// An argument is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The stream or staged object was finished, aborted or closed before this call.
    #[error("{0}")]
    Closed(&'static str),
    /// The caller cancelled the operation.
    #[error("operation cancelled")]
    Cancelled,
    /// The value belongs to the parent process.
    #[error("unusable after fork: it belongs to the parent process")]
    Forked,
    /// A job panicked. This is a bug in the engine.
    #[error("internal error: {0}")]
    Panicked(String),
}

/// The result of an operation of the engine.
pub type Result<T> = std::result::Result<T, Error>;

/// Quotes text from the caller for an error message, cut to 200 characters.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(200).collect::<String>())
}

/// Formats a size for an error message.
pub(crate) fn size_text(size: u64) -> String {
    format!("{size} bytes")
}

/// Converts a system error to [`Error::Io`].
pub trait Context<T> {
    /// Adds the operation (a verb) and its path.
    fn context(self, operation: &'static str, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { operation, path: path.to_owned(), source: Arc::new(source.into()) })
    }
}

impl Error {
    /// Returns the errno of a system error.
    pub(crate) fn errno(&self) -> Option<i32> {
        if let Error::Io { source, .. } = self { source.raw_os_error() } else { None }
    }

    /// Converts ENOENT and ENOTDIR to [`Error::Missing`]. Other errors are unchanged.
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

    /// Like [`Self::or_missing`], but always reports the path of the object, not of a missing directory.
    #[must_use]
    pub(crate) fn missing_at(self, object: &Path) -> Self {
        match self.or_missing() {
            Error::Missing { .. } => Error::Missing { path: object.to_owned() },
            other => other,
        }
    }

    /// Returns the kind of a system error.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Error::Io { source, .. } => Some(source.kind()),
            _ => None,
        }
    }

    /// Returns true if an object is corrupt or cannot be read for lack of permission.
    pub(crate) fn is_corrupt_or_denied(&self) -> bool {
        matches!(self, Error::Corrupt { .. }) || self.io_kind() == Some(io::ErrorKind::PermissionDenied)
    }

    /// Returns true if the process or the machine ran out of a resource: EMFILE, ENFILE or ENOMEM.
    pub(crate) fn is_resource_exhausted(&self) -> bool {
        #[cfg(unix)]
        if let Some(number) = self.errno() {
            use rustix::io::Errno;
            return [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error).contains(&number);
        }
        self.io_kind() == Some(io::ErrorKind::OutOfMemory)
    }

    /// Returns true if the file system accepts no new file: full, over quota, read-only or no permission.
    pub(crate) fn is_create_refused(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};

        let kinds = [PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
        self.io_kind().is_some_and(|kind| kinds.contains(&kind))
    }

    pub(crate) fn spawn_failed(thread: &'static str, source: io::Error) -> Self {
        Error::SpawnFailed { thread, source: Arc::new(source) }
    }

    pub(crate) fn corrupt(path: &Path, expected: &impl ToString, actual: &impl ToString) -> Self {
        Error::Corrupt { path: path.to_owned(), expected: expected.to_string(), actual: actual.to_string() }
    }
}
