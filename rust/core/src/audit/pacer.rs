//! Limits the read rate of an audit.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::runtime::sync::lock;

/// The longest sleep between two checks for cancellation.
const NAP: Duration = Duration::from_millis(20);

/// Spreads reads over time. All threads of an audit share one pacer.
pub struct Pacer {
    bytes_per_second: f64,
    /// The time at which the next read may begin.
    next: Mutex<Instant>,
}

impl Pacer {
    /// Returns a pacer of at least one byte per second.
    #[must_use]
    pub fn new(bytes_per_second: f64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1.0), next: Mutex::new(Instant::now()) }
    }

    /// Waits until `bytes` may be read. Fails as soon as `check` does.
    pub(crate) fn wait(&self, bytes: usize, check: impl Fn() -> Result<()>) -> Result<()> {
        let begin = self.book(bytes);
        loop {
            check()?;
            let left = begin.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(NAP));
        }
    }

    /// Reserves the time of a read of `bytes` and returns its start.
    ///
    /// Idle time is not credited, except for one nap, because a thread may oversleep.
    fn book(&self, bytes: usize) -> Instant {
        #[allow(clippy::cast_precision_loss)] // a block is far below 2^52
        let taken = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        let mut next = lock(&self.next);
        let now = Instant::now();
        let begin = next.max(now.checked_sub(NAP).unwrap_or(now));
        *next = begin + taken;
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::cancel::CancelToken;

    #[test]
    fn reads_are_spread_over_time() {
        let pacer = Pacer::new(1e6);
        let first = pacer.book(500_000);
        assert_eq!(pacer.book(250_000) - first, Duration::from_millis(500));
        assert_eq!(pacer.book(1) - first, Duration::from_millis(750));
    }

    #[test]
    fn cancelled_wait_ends_early() {
        let (pacer, cancel) = (Pacer::new(1.0), CancelToken::default());
        let begun = Instant::now();
        pacer.wait(1 << 20, || cancel.check()).expect("the first may begin");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pacer.wait(1, || cancel.check()));
            cancel.cancel();
            // Joined explicitly: ThreadSanitizer does not recognise the end of the scope.
            assert!(waiting.join().expect("no panic").is_err());
        });
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
