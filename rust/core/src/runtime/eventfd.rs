//! The file descriptor that wakes an event loop.
//!
//! An epoll instance over an eventfd and a timerfd: a wake-up writes to the eventfd, and a deferred wake-up
//! starts the timer. The epoll descriptor is readable if either of them is.

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

/// The delay of the wake-up timer.
///
/// It bounds a deferred wake-up if the worker then runs a job that blocks, for example on a hung disk.
#[cfg(target_os = "linux")]
const TIMER_NANOSECONDS: i64 = 5_000_000;

#[cfg(target_os = "linux")]
pub(crate) struct EventFd {
    epoll: OwnedFd,
    event: OwnedFd,
    timer: OwnedFd,
    is_timer_set: Mutex<bool>,
}

#[cfg(target_os = "linux")]
impl EventFd {
    pub(crate) fn new() -> Result<Option<Self>> {
        use rustix::event::EventfdFlags;
        use rustix::time::{TimerfdClockId, TimerfdFlags};

        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let event = event::eventfd(0, flags).context("create", Path::new("eventfd"))?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer =
            time::timerfd_create(TimerfdClockId::Monotonic, flags).context("create", Path::new("timerfd"))?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("create", Path::new("epoll"))?;
        for source in [&event, &timer] {
            let (data, readable) = (epoll::EventData::new_u64(0), epoll::EventFlags::IN);
            epoll::add(&epoll, source, data, readable).context("watch", Path::new("epoll"))?;
        }
        Ok(Some(Self { epoll, event, timer, is_timer_set: Mutex::new(false) }))
    }

    /// Returns the number of the file descriptor.
    pub(crate) fn raw(&self) -> i32 {
        self.epoll.as_raw_fd()
    }

    /// Stops the timer and resets the event. Returns true if the event was set.
    pub(crate) fn reset(&self) -> bool {
        self.set_timer(false);
        rustix::io::read(&self.event, &mut [0_u8; 8]).is_ok()
    }

    /// Starts the timer unless it was started, or stops it, expired or not.
    fn set_timer(&self, on: bool) {
        // Held during the system call: a thread that stops the timer must not stop a newer one.
        let mut is_timer_set = lock(&self.is_timer_set);
        if *is_timer_set == on {
            return;
        }
        *is_timer_set = on;
        let no_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let delay = Timespec { tv_sec: 0, tv_nsec: if on { TIMER_NANOSECONDS } else { 0 } };
        let timer = Itimerspec { it_interval: no_interval, it_value: delay };
        let _ = time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &timer);
    }
}

#[cfg(target_os = "linux")]
impl wake::Waker for EventFd {
    fn wake(&self) {
        // Fails only if the counter is full, and then the event is set.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    fn start_timer(&self) {
        self.set_timer(true);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) enum EventFd {}

#[cfg(not(target_os = "linux"))]
impl wake::Waker for EventFd {
    fn wake(&self) {
        match *self {}
    }

    fn start_timer(&self) {
        match *self {}
    }
}

#[cfg(not(target_os = "linux"))]
impl EventFd {
    pub(crate) fn new() -> Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn raw(&self) -> i32 {
        match *self {}
    }

    pub(crate) fn reset(&self) -> bool {
        match *self {}
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::runtime::wake::Waker as _;

    fn is_readable(event_fd: &EventFd) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};

        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&event_fd.epoll, PollFlags::IN)], Some(&at_once)) == Ok(1)
    }

    #[test]
    fn reset_event_is_unreadable_until_the_next_wake_up() {
        let event_fd = EventFd::new().expect("file descriptors").expect("Linux has eventfd");
        let delay = Duration::from_nanos(TIMER_NANOSECONDS.cast_unsigned());
        for pause in [Duration::ZERO, 4 * delay] {
            event_fd.start_timer();
            sleep(pause);
            event_fd.reset();
            sleep(4 * delay);
            assert!(!is_readable(&event_fd), "the timer still runs or stays expired");
            event_fd.wake();
            assert!(is_readable(&event_fd) && event_fd.reset() && !is_readable(&event_fd));
            event_fd.start_timer();
            sleep(4 * delay);
            assert!(is_readable(&event_fd));
            event_fd.reset();
        }
    }
}
