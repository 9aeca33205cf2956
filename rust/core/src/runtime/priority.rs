//! How workers share the processors with event loops.

#[cfg(target_os = "linux")]
const NICE: i32 = 10;
#[cfg(target_os = "linux")]
const SLICE_NANOSECONDS: u64 = 20_000_000;
/// Of its first version, which has all that is asked for.
#[cfg(target_os = "linux")]
const ATTRIBUTES_SIZE: u32 = 48;

/// A nice value of 10 lets event-loop threads run first: beside a stream, 1 or 2 of 100 ticks are more than
/// 1 ms late instead of 10, the 99th of them 1.3 ms instead of 2.7, and throughput is up by 5-10 % (2 cores).
/// With 19 it is 0.8 ms, and a worker has a seventieth of a core beside another process, not a tenth.
///
/// A slice longer than that of others (1.4 ms on 2 cores) lets them run *at once* when they wake: the
/// scheduler, since Linux 6.12, ends a slice early for those who ask for shorter ones. Without it a worker
/// keeps its core until its slice is over. A loop that wakes when it has just run for longer than its share is
/// not let in: it waits for the kernel's next tick, up to 4 ms.
#[cfg(target_os = "linux")]
pub(crate) fn yield_to_loops() {
    // The value belongs to the thread, not to the process.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
    let attributes = libc::sched_attr {
        size: ATTRIBUTES_SIZE,
        sched_policy: libc::SCHED_OTHER.cast_unsigned(),
        sched_flags: 0,
        sched_nice: NICE,
        sched_priority: 0,
        sched_runtime: SLICE_NANOSECONDS,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads as many bytes as the attributes say that they have. It may refuse them.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn yield_to_loops() {}
