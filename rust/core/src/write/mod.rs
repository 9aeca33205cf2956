//! From bytes to a visible object: staged first, published whole.
//!
//! A [`StreamWriter`] gathers chunks into blocks. Its `pipeline` hashes them on the workers and writes them to
//! a [`BlockSink`], by default the staged file of `file_sink`, and `gate` bounds the bytes in flight. Content
//! that is in memory as a whole takes the shorter way of `blob` or `small`. In the end `publish` gives the
//! staged file its name, and `dedup` decides whether an object that has the name already is the content.

mod blob;
mod block;
mod content;
mod dedup;
mod file_sink;
mod gate;
mod pipeline;
mod publish;
mod refresh;
mod sink;
mod small;
mod stream;

pub(crate) use blob::stage_for;
pub use blob::write_blob;
pub use block::Block;
pub(crate) use content::Content;
pub use content::Staged;
pub use publish::{Existing, Publication, Published};
pub(crate) use publish::{publish, publish_in, publish_unstaged};
pub use sink::{BlockSink, Notify};
pub use stream::{Flow, StreamWriter};
