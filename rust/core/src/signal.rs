//! A descriptor that an event loop watches, and that is readable while there is something for it.

#[cfg(target_os = "linux")]
use std::{
    os::fd::AsRawFd as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

#[cfg(target_os = "linux")]
use rustix::{
    event::{self, epoll},
    fd::OwnedFd,
    time,
};

#[cfg(target_os = "linux")]
use crate::error::Context as _;
use crate::error::Result;
use crate::wake;

/// For so long a loop waits at the most if the worker that owes it a wake-up cannot pay: it has begun
/// another job meanwhile, and that waits for a disk that does not answer.
#[cfg(target_os = "linux")]
const REMINDER: i64 = 5_000_000; // nanoseconds

/// A counter and a clock, and what is readable when one of them is.
#[cfg(target_os = "linux")]
pub(crate) struct Descriptor {
    either: OwnedFd,
    counter: OwnedFd,
    clock: OwnedFd,
    is_set: AtomicBool,
}

#[cfg(target_os = "linux")]
impl Descriptor {
    pub(crate) fn new() -> Result<Option<Self>> {
        use rustix::event::EventfdFlags;
        use rustix::time::{TimerfdClockId, TimerfdFlags};

        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let counter = event::eventfd(0, flags).context("create", Path::new("eventfd"))?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let clock =
            time::timerfd_create(TimerfdClockId::Monotonic, flags).context("create", Path::new("timerfd"))?;
        let either = epoll::create(epoll::CreateFlags::CLOEXEC).context("create", Path::new("epoll"))?;
        for part in [&counter, &clock] {
            let (data, readable) = (epoll::EventData::new_u64(0), epoll::EventFlags::IN);
            epoll::add(&either, part, data, readable).context("watch", Path::new("epoll"))?;
        }
        Ok(Some(Self { either, counter, clock, is_set: AtomicBool::new(false) }))
    }

    pub(crate) fn number(&self) -> i32 {
        self.either.as_raw_fd()
    }

    /// Tells whether it was raised, too.
    pub(crate) fn lower(&self) -> bool {
        let mut count = [0_u8; 8];
        // Whoever sets it from now on wants to be reminded of what comes after this.
        if self.is_set.swap(false, Ordering::AcqRel) {
            let _ = rustix::io::read(&self.clock, &mut count);
        }
        rustix::io::read(&self.counter, &mut count).is_ok()
    }
}

#[cfg(target_os = "linux")]
impl wake::Signal for Descriptor {
    /// Cannot fail in a way that matters: the counter is far from full, and it stays readable.
    fn raise(&self) {
        let _ = rustix::io::write(&self.counter, &1_u64.to_ne_bytes());
    }

    /// Does nothing while the clock runs: whoever set it wanted to be reminded sooner.
    fn raise_soon(&self) {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec};

        if self.is_set.swap(true, Ordering::AcqRel) {
            return;
        }
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: never, it_value: Timespec { tv_sec: 0, tv_nsec: REMINDER } };
        let _ = time::timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &once);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) enum Descriptor {}

#[cfg(not(target_os = "linux"))]
impl wake::Signal for Descriptor {
    fn raise(&self) {
        match *self {}
    }

    fn raise_soon(&self) {
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
