//! A descriptor that an event loop watches, and that is readable while there is something for it.

#[cfg(target_os = "linux")]
use std::{os::fd::AsRawFd as _, path::Path, sync::Mutex};

#[cfg(target_os = "linux")]
use rustix::{
    event::{self, epoll},
    fd::OwnedFd,
    time::{self, Itimerspec, TimerfdTimerFlags, Timespec},
};

use crate::error::Result;
use crate::runtime::wake;
#[cfg(target_os = "linux")]
use crate::{error::Context as _, runtime::sync::lock};

/// For so long a loop waits at the most if the worker that owes it a wake-up cannot pay: it has begun
/// another job meanwhile, and that waits for a disk that does not answer.
#[cfg(target_os = "linux")]
const REMINDER: i64 = 5_000_000; // nanoseconds

/// A counter and a clock, and what is readable when one of them is.
#[cfg(target_os = "linux")]
pub(crate) struct EventFd {
    either: OwnedFd,
    counter: OwnedFd,
    clock: OwnedFd,
    is_set: Mutex<bool>,
}

#[cfg(target_os = "linux")]
impl EventFd {
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
        Ok(Some(Self { either, counter, clock, is_set: Mutex::new(false) }))
    }

    pub(crate) fn number(&self) -> i32 {
        self.either.as_raw_fd()
    }

    /// Tells whether it was raised, too.
    pub(crate) fn lower(&self) -> bool {
        self.set(false);
        rustix::io::read(&self.counter, &mut [0_u8; 8]).is_ok()
    }

    /// Sets the clock, unless it runs, or stops it, if it does or did. Locked until that is done: who stops
    /// it must not stop what another has just set.
    fn set(&self, on: bool) {
        let mut is_set = lock(&self.is_set);
        if *is_set == on {
            return;
        }
        *is_set = on;
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let then = Timespec { tv_sec: 0, tv_nsec: if on { REMINDER } else { 0 } };
        let timer = Itimerspec { it_interval: never, it_value: then };
        let _ = time::timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &timer);
    }
}

#[cfg(target_os = "linux")]
impl wake::Signal for EventFd {
    /// Cannot fail in a way that matters: the counter is far from full, and it stays readable.
    fn raise(&self) {
        let _ = rustix::io::write(&self.counter, &1_u64.to_ne_bytes());
    }

    fn raise_soon(&self) {
        self.set(true);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) enum EventFd {}

#[cfg(not(target_os = "linux"))]
impl wake::Signal for EventFd {
    fn raise(&self) {
        match *self {}
    }

    fn raise_soon(&self) {
        match *self {}
    }
}

#[cfg(not(target_os = "linux"))]
impl EventFd {
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::runtime::wake::Signal as _;

    fn is_readable(descriptor: &EventFd) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};

        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&descriptor.either, PollFlags::IN)], Some(&at_once)) == Ok(1)
    }

    #[test]
    fn once_lowered_it_stays_so_until_it_is_raised() {
        let descriptor = EventFd::new().expect("descriptors").expect("on Linux");
        let reminder = Duration::from_nanos(REMINDER.cast_unsigned());
        for pause in [Duration::ZERO, 4 * reminder] {
            descriptor.raise_soon();
            sleep(pause);
            descriptor.lower();
            sleep(4 * reminder);
            assert!(!is_readable(&descriptor), "a loop would never sleep again");
            descriptor.raise();
            assert!(is_readable(&descriptor) && descriptor.lower() && !is_readable(&descriptor));
            descriptor.raise_soon();
            sleep(4 * reminder);
            assert!(is_readable(&descriptor));
            descriptor.lower();
        }
    }
}
