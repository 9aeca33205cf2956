//! How fast an audit may read.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::runtime::sync::lock;

/// How long a thread sleeps before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// Spreads reads over time. Shared by all that must not be faster together.
pub struct Pacer {
    bytes_per_second: f64,
    /// When the next read may begin.
    next: Mutex<Instant>,
}

impl Pacer {
    /// At least one byte per second.
    #[must_use]
    pub fn new(bytes_per_second: f64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1.0), next: Mutex::new(Instant::now()) }
    }

    /// Waits until `bytes` may be read, for as long as `check` allows.
    pub(crate) fn wait(&self, bytes: usize, check: impl Fn() -> Result<()>) -> Result<()> {
        let begin = self.book(bytes);
        loop {
            check()?;
            let left = begin.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK));
        }
    }

    /// When a read of `bytes` may begin. Of the time in which nobody read, no more is made up for than
    /// what a thread oversleeps.
    fn book(&self, bytes: usize) -> Instant {
        #[allow(clippy::cast_precision_loss)] // a block is far below 2^52
        let taken = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        let mut next = lock(&self.next);
        let now = Instant::now();
        let begin = next.max(now.checked_sub(LOOK).unwrap_or(now));
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
    fn a_cancelled_wait_ends_at_once() {
        let (pacer, cancel) = (Pacer::new(1.0), CancelToken::default());
        let begun = Instant::now();
        pacer.wait(1 << 20, || cancel.check()).expect("the first may begin");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pacer.wait(1, || cancel.check()));
            cancel.cancel();
            // Joined, which ThreadSanitizer sees; the end of the scope it does not.
            assert!(waiting.join().expect("no panic").is_err());
        });
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
