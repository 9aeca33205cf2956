//! Threads, and how they and the event loops wake each other.
//!
//! Work enters through [`pool`]: a job is queued, a worker runs it, and the result goes to the
//! [`completion`] list of one event loop. An [`eventfd`] wakes that loop, and [`wake`] defers the wake-up
//! while a worker has more short jobs. [`open_files`] limits the open files of the process: a job that
//! needs one gets a permit first, and the blocks of a stream wait in [`admission`] for theirs.
//! [`fsync_pool`] has the threads that wait for the device.

pub(crate) mod admission;
pub(crate) mod cancel;
pub(crate) mod completion;
pub(crate) mod eventfd;
pub(crate) mod fork;
pub(crate) mod fsync_pool;
pub(crate) mod open_files;
pub(crate) mod pool;
pub(crate) mod priority;
pub(crate) mod queue;
pub(crate) mod sequencer;
pub(crate) mod sync;
pub(crate) mod time_slice;
pub(crate) mod wake;
