//! From bytes to a visible object: staged first, published whole.

mod blob;
mod block;
mod publish;
mod sink;
mod staged;
mod stream;

pub(crate) use blob::{Content, stage_for};
pub use blob::{Staged, write_blob};
pub use publish::{Existing, Publication, Published};
pub(crate) use publish::{publish, publish_in};
pub(crate) use staged::{StagedFile, sweep};
pub use stream::{Flow, StreamWriter};
