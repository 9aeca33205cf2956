//! Waking event loops, once for several small jobs.
//!
//! A wake-up costs as much as half a small write: a system call here, and there a turn of the loop.
//! A worker that has more small jobs before it therefore owes the wake-up for a moment. With 32
//! writes of 4 KiB in flight this makes 1.3 times as many a second; one alone waits no longer.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest that a loop waits for its wake-up because of other small jobs.
const LONGEST: Duration = Duration::from_micros(200);

/// Something that an event loop watches.
pub(crate) trait Signal: Send + Sync {
    /// Wakes the loop.
    fn raise(&self);

    /// Sees to it that the loop wakes a moment later, whatever becomes of this thread.
    fn raise_soon(&self);
}

#[derive(Default)]
struct Owed {
    /// Whether this thread is a worker at a small job.
    brief: bool,
    since: Option<Instant>,
    signals: Vec<Arc<dyn Signal>>,
}

thread_local! {
    static OWED: RefCell<Owed> = RefCell::default();
}

/// Raises `signal`, at once or when this worker's small jobs are done.
pub(crate) fn raise<S: Signal + 'static>(signal: &Arc<S>) {
    let now = OWED.with_borrow_mut(|owed| {
        if owed.brief {
            owed.since.get_or_insert_with(Instant::now);
            signal.raise_soon();
            owed.signals.push(Arc::<S>::clone(signal));
        }
        !owed.brief
    });
    if now {
        signal.raise();
    }
}

/// Says whether the job that comes next on this worker is a small one.
pub(crate) fn begin_job(brief: bool) {
    OWED.with_borrow_mut(|owed| owed.brief = brief);
}

/// Whether loops wait for this worker to wake them, and may wait for another small job.
pub(crate) fn is_owed() -> Option<bool> {
    OWED.with_borrow(|owed| owed.since.map(|since| since.elapsed() < LONGEST))
}

/// Raises all that is owed.
pub(crate) fn pay() {
    let signals = OWED.with_borrow_mut(|owed| {
        owed.since = None;
        std::mem::take(&mut owed.signals)
    });
    for signal in signals {
        signal.raise();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::runtime::completion::Completions;
    use crate::runtime::pool::Pool;

    #[test]
    fn a_loop_is_woken_though_the_worker_that_owes_it_hangs() {
        let pool = Pool::leaked();
        let list = Arc::new(Completions::new(false).expect("a descriptor"));
        let (queued, all_queued) = mpsc::channel::<()>();
        let others: Vec<_> = (1..pool.width()).map(|_| hang(pool)).collect();
        let pushed = Arc::clone(&list);
        pool.spawn_brief(move || {
            let _ = all_queued.recv();
            pushed.push(());
        });
        let hanging = hang(pool);
        drop(queued);
        let begun = Instant::now();
        while !is_readable(&list) && begun.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        assert!(is_readable(&list), "nobody has woken it");
        drop((others, hanging));
    }

    /// A small job that goes on until what is returned is dropped.
    fn hang(pool: &'static Pool) -> mpsc::Sender<()> {
        let (sender, dropped) = mpsc::channel();
        pool.spawn_brief(move || _ = dropped.recv());
        sender
    }

    fn is_readable(list: &Completions<()>) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let number = list.descriptor().expect("a descriptor");
        // SAFETY: the descriptor belongs to `list`, which outlives this call.
        let descriptor = unsafe { rustix::fd::BorrowedFd::borrow_raw(number) };
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&at_once)).is_ok_and(|ready| ready == 1)
    }
}
