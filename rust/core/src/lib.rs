//! The engine of laboxide: content is hashed while it is written, published whole under its hash,
//! and verified when it is read. It knows nothing of Python, event loops, tags or content types.

pub mod audit;
pub mod copy;
pub mod digest;
pub mod pool;
pub mod read;
pub mod store;
pub mod write;

mod budget;
mod cancel;
mod completion;
mod descriptors;
mod entrance;
mod error;
mod extents;
mod flusher;
mod fs;
mod in_order;
mod io;
mod lane;
mod locks;
mod mutant;
mod pass;
mod priority;
mod queue;
mod signal;
mod slab;
mod turn;
mod wake;

pub use cancel::CancelToken;
pub use completion::Completions;
pub use error::{Error, Result};
pub use slab::BLOCK;
pub use turn::pause_due;
