//! A file of the user, which may change while being read.

use std::fs::{File, Metadata};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
#[cfg(target_os = "linux")]
use std::time::{Duration, UNIX_EPOCH};

use crate::error::{Context as _, Error, Result};
use crate::fs::io;
use crate::store::Object;

/// Many times the resolution of file system timestamps.
#[cfg(target_os = "linux")]
const SETTLED: Duration = Duration::from_secs(1);

/// An open file and its size when it was opened.
pub(crate) struct Original {
    pub file: Arc<File>,
    pub path: PathBuf,
    pub size: u64,
}

impl Original {
    /// Opens a regular file, following links. Other kinds are refused before the open could block.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        // Checked first, because opening a device may have side effects.
        require_regular(&path, &path.metadata().context("open", &path)?)?;
        let file = io::open_nonblocking(&path).context("open", &path)?;
        let metadata = file.metadata().context("stat", &path)?;
        require_regular(&path, &metadata)?;
        Ok(Self { file: Arc::new(file), path, size: metadata.len() })
    }

    /// Returns an object whose expected size is unknown.
    pub(crate) fn of(object: Object) -> Result<Self> {
        let size = object.file.metadata().context("stat", &object.path)?.len();
        Ok(Self { file: object.file, path: object.path, size })
    }

    /// Returns the file unchanged, or an error if it has more bytes than `limit`.
    pub(crate) fn within(self, limit: Option<u64>) -> Result<Self> {
        match limit {
            Some(limit) if self.size > limit => {
                Err(Error::TooLarge { path: self.path, limit, size: self.size })
            }
            _ => Ok(self),
        }
    }

    /// Returns the time of the last change, if every later change is certain to get another time.
    ///
    /// That holds on a local file system, if the last change is older than the resolution of timestamps,
    /// which is a tick of the scheduler.
    #[cfg(target_os = "linux")]
    pub(crate) fn settled_since(&self) -> Option<SystemTime> {
        let status = rustix::fs::fstat(&self.file).ok()?;
        let nanoseconds = u32::try_from(status.st_ctime_nsec).ok()?;
        let changed = UNIX_EPOCH + Duration::new(u64::try_from(status.st_ctime).ok()?, nanoseconds);
        let settled = SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED);
        (settled && crate::fs::kind::FileSystem::of(&self.file).is_local).then_some(changed)
    }

    /// The resolution of timestamps is unknown on other systems.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn settled_since(&self) -> Option<SystemTime> {
        None
    }

    /// Returns `result` unless the file grew or shrank while being read.
    ///
    /// Files of a pseudo file system whose size does not match their content are refused as well.
    pub(crate) fn unchanged<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) if self.has_its_size()? => Ok(value),
            Ok(_) | Err(Error::Corrupt { .. }) => Err(Error::Invalid(format!(
                "{} changed while being read (expected {} bytes), or is not a regular file on disk",
                self.path.display(),
                self.size,
            ))),
            Err(_) => result,
        }
    }

    /// Returns whether the file still has its size and ends there.
    fn has_its_size(&self) -> Result<bool> {
        let size = self.file.metadata().context("stat", &self.path)?.len();
        let mut beyond = [MaybeUninit::uninit()];
        Ok(size == self.size && io::read_at(&self.file, &self.path, &mut beyond, size)? == 0)
    }
}

fn require_regular(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(Error::Invalid(format!("{} is not a regular file", path.display())))
}
