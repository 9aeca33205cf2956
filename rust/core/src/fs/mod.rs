//! Files and directories, without objects or keys.
//!
//! [`directories::Directory`] is the interface to an open directory. `linux` implements it relative to a file
//! descriptor, [`portable`] with paths.
//!
//! A [`staged::StagedFile`] becomes visible in three steps: it is created without a name, or with a temporary
//! one from [`temp_name`]; its bytes are written and fsynced; a link or a rename gives it its final name.
//! Dropped before the last step, it leaves nothing behind.
//!
//! [`io`] reads and writes at offsets, [`extents`] lists the unwritten ranges of a file, [`stat`] describes a
//! name without opening it, and [`kind`] has the calls that depend on the type of the file system.

pub(crate) mod directories;
pub(crate) mod extents;
pub(crate) mod io;
pub(crate) mod kind;
#[cfg(target_os = "linux")]
pub(crate) mod linux;
pub(crate) mod portable;
pub(crate) mod staged;
pub(crate) mod stat;
pub(crate) mod temp_name;
