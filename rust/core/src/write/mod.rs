//! From bytes to a visible object: staged first, published whole.

mod blob;
mod block;
mod content;
mod dedup;
mod gate;
mod pipeline;
mod publish;
mod sink;
mod small;
mod stream;

pub(crate) use blob::stage_for;
pub use blob::write_blob;
pub(crate) use content::Content;
pub use content::Staged;
pub use publish::{Existing, Publication, Published};
pub(crate) use publish::{publish, publish_in};
pub use stream::{Flow, StreamWriter};
