//! The cost of a job.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

pub struct Cost {
    pub seconds: f64,
    pub cpu_seconds: f64,
}

/// Runs `work` and measures its time and the processor time of all threads.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (begun, cpu) = (Instant::now(), cpu_time());
    let result = work();
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_time().saturating_sub(cpu));
    (result, Cost { seconds, cpu_seconds: cpu.as_secs_f64() })
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
