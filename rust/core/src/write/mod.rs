//! Writing: content is staged first and published whole.
//!
//! A [`StreamWriter`] gathers chunks into blocks. Its `pipeline` hashes the blocks on the workers and writes
//! them to a [`BlockSink`], by default a staged file; `gate` bounds the bytes in flight.
//! Content that is in memory as a whole skips the pipeline: `blob` writes and publishes up to one block in a
//! single job, and starts a pass over larger data.
//!
//! Both paths end in `publish`, which links the staged file under its final name. If the name is taken,
//! `dedup` checks whether the existing object holds the same content and refreshes its modification time.
//! Until that link nothing is visible; an error or an abort removes the staged file.

mod blob;
mod block;
mod content;
mod dedup;
mod gate;
mod pipeline;
mod publish;
mod sink;
mod stream;

pub(crate) use blob::stage_for;
pub use blob::write_blob;
pub use block::Block;
pub(crate) use content::Content;
pub use content::Staged;
pub use publish::{Existing, Publication, Published};
pub(crate) use publish::{publish, publish_unstaged};
pub use sink::{BlockSink, Notify};
pub use stream::{Flow, StreamWriter};
