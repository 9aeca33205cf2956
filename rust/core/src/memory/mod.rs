//! Buffers, and the limit on the memory of all streams.
//!
//! A [`slab`] is a reused buffer of one block, the unit of all reads, writes and hashes. The [`budget`]
//! divides a fixed amount of memory among the streams: with more streams, each has smaller blocks and
//! fewer of them in flight.

pub(crate) mod budget;
pub(crate) mod slab;
