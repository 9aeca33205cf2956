//! Files and directories, without objects or keys.
//!
//! [`directories`] is the interface to an open directory; `linux` implements it relative to a file descriptor
//! and [`portable`] with paths. A [`staged`] file is written without a name, or under one of [`temp_name`], and
//! gets its final name by a link or a [`rename`]. [`io`] reads and writes at offsets, [`extents`] lists the
//! ranges without written blocks, [`stat`] describes a name, and [`kind`] has the abilities of a file system.

pub(crate) mod directories;
pub(crate) mod extents;
pub(crate) mod io;
pub(crate) mod kind;
#[cfg(target_os = "linux")]
pub(crate) mod linux;
pub(crate) mod portable;
mod rename;
pub(crate) mod staged;
pub(crate) mod stat;
pub(crate) mod temp_name;
