//! Worker threads, and how they and the event loops wake each other.
//!
//! Work enters through [`pool`]: a job goes into its queue, a worker with a lowered [`priority`] runs it, and
//! the result goes to the [`completion`] list of one event loop. The list wakes the loop through an [`eventfd`].
//! [`wake`] defers that wake-up while the worker runs further short jobs, and a wake-up timer bounds the delay
//! if the worker blocks. [`time_slice`] limits how long calls on the loop's own thread may run without a pause.
//!
//! [`open_files`] limits the open files of the process: a job acquires a permit first. The blocks of a stream
//! wait in an [`open_files::Admission`] until the stream has a permit. [`sequencer`] puts blocks that workers finish in any
//! order back into sequence. [`fsync_pool`] has the threads that block on the disk.
//!
//! A [`cancel`] token stops work between two blocks. [`fork`] detects that a value belongs to the parent
//! process. [`sync`] takes locks regardless of poisoning.

pub(crate) mod cancel;
pub(crate) mod completion;
pub(crate) mod eventfd;
pub(crate) mod fork;
pub(crate) mod fsync_pool;
pub(crate) mod open_files;
pub(crate) mod pool;
pub(crate) mod priority;
pub(crate) mod sequencer;
pub(crate) mod sync;
pub(crate) mod time_slice;
pub(crate) mod wake;
