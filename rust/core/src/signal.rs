//! A descriptor that an event loop watches, and that is readable while there is something for it.

use crate::error::Result;
use crate::wake;

#[cfg(target_os = "linux")]
pub(crate) struct Descriptor(rustix::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Descriptor {
    pub(crate) fn new() -> Result<Option<Self>> {
        use crate::error::Context as _;
        use rustix::event::{EventfdFlags, eventfd};

        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let descriptor = eventfd(0, flags).context("create", std::path::Path::new("eventfd"))?;
        Ok(Some(Self(descriptor)))
    }

    pub(crate) fn number(&self) -> i32 {
        use std::os::fd::AsRawFd as _;
        self.0.as_raw_fd()
    }

    /// Tells whether it was raised, too.
    pub(crate) fn lower(&self) -> bool {
        rustix::io::read(&self.0, &mut [0_u8; 8]).is_ok()
    }
}

#[cfg(target_os = "linux")]
impl wake::Signal for Descriptor {
    /// Cannot fail in a way that matters: the counter is far from full, and it stays readable.
    fn raise(&self) {
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) enum Descriptor {}

#[cfg(not(target_os = "linux"))]
impl wake::Signal for Descriptor {
    fn raise(&self) {
        match *self {}
    }
}

#[cfg(not(target_os = "linux"))]
impl Descriptor {
    pub(crate) fn new() -> Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn number(&self) -> i32 {
        match *self {}
    }

    pub(crate) fn lower(&self) -> bool {
        match *self {}
    }
}
