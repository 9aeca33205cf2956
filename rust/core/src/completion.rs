//! Finished work on its way to one event loop.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::pool::lock;
use crate::wake;

/// A list that workers push to and one loop drains.
///
/// The loop is woken only when the list was empty, so a burst costs one wake-up: through a
/// descriptor that it watches, or, where there is none, by a thread that waits here for it.
pub struct Completions<T> {
    finished: Mutex<Vec<T>>,
    arrived: Condvar,
    signal: Option<Arc<Descriptor>>,
}

impl<T> Completions<T> {
    /// With `portable`, no descriptor is made and [`Self::wait`] is the way to learn of arrivals.
    pub fn new(portable: bool) -> Result<Self> {
        let signal = if portable { None } else { Descriptor::new()?.map(Arc::new) };
        Ok(Self { finished: Mutex::default(), arrived: Condvar::new(), signal })
    }

    /// The descriptor that is readable while something is here, where the system has such.
    #[must_use]
    pub fn descriptor(&self) -> Option<i32> {
        self.signal.as_ref().map(|signal| signal.number())
    }

    /// Adds something finished and wakes the loop if it is not awake yet.
    pub fn push(&self, item: T) {
        let mut finished = lock(&self.finished);
        let wake = finished.is_empty();
        finished.push(item);
        drop(finished);
        if wake {
            match &self.signal {
                Some(signal) => wake::raise(signal),
                None => self.arrived.notify_one(),
            }
        }
    }

    /// Takes everything that is here. Lowering the signal comes first: what arrives between the two
    /// is taken as well, what arrives later raises it anew.
    pub fn drain(&self) -> Vec<T> {
        if let Some(signal) = &self.signal {
            signal.lower();
        }
        std::mem::take(&mut lock(&self.finished))
    }

    /// Blocks until something is here or the time is up; tells which.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut finished = lock(&self.finished);
        while finished.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            finished = self.arrived.wait_timeout(finished, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(target_os = "linux")]
struct Descriptor(rustix::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Descriptor {
    fn new() -> Result<Option<Self>> {
        use crate::error::Context as _;
        use rustix::event::{EventfdFlags, eventfd};

        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let descriptor = eventfd(0, flags).context("create", std::path::Path::new("eventfd"))?;
        Ok(Some(Self(descriptor)))
    }

    fn number(&self) -> i32 {
        use std::os::fd::AsRawFd as _;
        self.0.as_raw_fd()
    }

    fn lower(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
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
enum Descriptor {}

#[cfg(not(target_os = "linux"))]
impl wake::Signal for Descriptor {
    fn raise(&self) {
        match *self {}
    }
}

#[cfg(not(target_os = "linux"))]
impl Descriptor {
    fn new() -> Result<Option<Self>> {
        Ok(None)
    }

    fn number(&self) -> i32 {
        match *self {}
    }

    fn lower(&self) {
        match *self {}
    }
}
