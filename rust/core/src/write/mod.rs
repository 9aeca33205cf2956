//! From bytes to a visible object: staged first, published whole.

mod blob;
mod block;
mod content;
mod existing;
mod gate;
mod pipeline;
mod publish;
mod rename;
mod sink;
mod small;
mod staged;
mod stream;
mod temporary;

pub(crate) use blob::stage_for;
pub use blob::write_blob;
pub(crate) use content::Content;
pub use content::Staged;
pub use publish::{Existing, Publication, Published};
pub(crate) use publish::{publish, publish_in};
pub(crate) use staged::StagedFile;
pub use stream::{Flow, StreamWriter};
pub(crate) use temporary::{is_generated, is_temporary, lock_if_abandoned};
