//! A file of the user's own, which may change while it is read.

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

/// Many times what the clock of a file system takes to tell two changes apart.
#[cfg(target_os = "linux")]
const SETTLED: Duration = Duration::from_secs(1);

/// An open file, and its size when it was opened.
pub(crate) struct Original {
    pub file: Arc<File>,
    pub path: PathBuf,
    pub size: u64,
}

impl Original {
    /// Opens a file, through links as well; anything but a regular file is refused before it could
    /// block.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        // A device may do something when it is opened, so the name is looked at first.
        require_regular(&path, &path.metadata().context("open", &path)?)?;
        let file = io::open_nonblocking(&path).context("open", &path)?;
        let metadata = file.metadata().context("stat", &path)?;
        require_regular(&path, &metadata)?;
        Ok(Self { file: Arc::new(file), path, size: metadata.len() })
    }

    /// An object of which nobody knows what it should be.
    pub(crate) fn of(object: Object) -> Result<Self> {
        let size = object.file.metadata().context("stat", &object.path)?.len();
        Ok(Self { file: object.file, path: object.path, size })
    }

    /// The same, unless it has more bytes than `limit`.
    pub(crate) fn within(self, limit: Option<u64>) -> Result<Self> {
        match limit {
            Some(limit) if self.size > limit => {
                Err(Error::TooLarge { path: self.path, limit, size: self.size })
            }
            _ => Ok(self),
        }
    }

    /// When it was last changed, if that was so long ago, on a file system of this machine, that any
    /// further change would show as another time: those are as coarse as a tick of the scheduler.
    #[cfg(target_os = "linux")]
    pub(crate) fn settled_since(&self) -> Option<SystemTime> {
        let status = rustix::fs::fstat(&self.file).ok()?;
        let nanoseconds = u32::try_from(status.st_ctime_nsec).ok()?;
        let changed = UNIX_EPOCH + Duration::new(u64::try_from(status.st_ctime).ok()?, nanoseconds);
        let settled = SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED);
        (settled && crate::fs::kind::FileSystem::of(&self.file).is_local).then_some(changed)
    }

    /// Nothing is known about times elsewhere.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn settled_since(&self) -> Option<SystemTime> {
        None
    }

    /// What came of reading it, unless it was not read as it is: it grew or shrank meanwhile, or it
    /// is one of those of a pseudo file system whose size says nothing of their content.
    pub(crate) fn unchanged<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) if self.ends_as_it_says()? => Ok(value),
            Ok(_) | Err(Error::Corrupt { .. }) => Err(Error::Invalid(format!(
                "{} did not hold the {} bytes of its size: it changed while it was read, \
                 or is not a file of a disk",
                self.path.display(),
                self.size,
            ))),
            Err(_) => result,
        }
    }

    fn ends_as_it_says(&self) -> Result<bool> {
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
