//! How a file gets its name where there are no hard links.

use std::io::ErrorKind;

use super::directories::Directory;
use super::staged::StagedFile;
use crate::error::{Context as _, Result};

impl StagedFile {
    /// Gives it `name` if nothing has that.
    #[cfg(target_os = "linux")]
    pub(crate) fn rename_where_absent(&mut self, directory: &dyn Directory, name: &str) -> Result<()> {
        use rustix::fs::{RenameFlags, renameat_with};
        use rustix::io::Errno;

        let path = directory.path().join(name);
        let (from, temporary) = self.anchored().ok_or(ErrorKind::NotFound).context("rename", &path)?;
        let (to, final_name) = directory.anchored(name);
        match renameat_with(from, temporary, to, final_name, RenameFlags::NOREPLACE) {
            // Not every file system can do this; of those that cannot, most have links.
            Err(Errno::INVAL | Errno::NOSYS) => self.look_and_rename(directory, name),
            result => {
                result.context("rename", &path)?;
                self.forget_temporary_name();
                Ok(())
            }
        }
    }

    /// Gives it `name` if nothing has that.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn rename_where_absent(&mut self, directory: &dyn Directory, name: &str) -> Result<()> {
        self.look_and_rename(directory, name)
    }

    /// Between the look and the rename another writer may publish the same name. Under a key with the
    /// hash in it that is the same content; another key then has what came last.
    fn look_and_rename(&mut self, directory: &dyn Directory, name: &str) -> Result<()> {
        if directory.look(name.as_ref()).is_ok() {
            return Err(ErrorKind::AlreadyExists).context("rename", &directory.path().join(name));
        }
        directory.replace(self, name)
    }
}
