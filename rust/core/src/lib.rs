//! The engine of laboxide: content is hashed while it is written, published whole under its hash,
//! and verified when it is read. It knows nothing of Python, event loops, tags or content types.

pub mod audit;
pub mod digest;
pub mod read;
pub mod store;
pub mod transfer;
pub mod write;

mod engine;
mod error;
mod fs;
mod memory;
mod pass;
mod runtime;

pub use engine::Engine;
pub use error::{Error, Result};
pub use memory::slab::BLOCK;
pub use runtime::cancel::CancelToken;
pub use runtime::completion::Completions;
pub use runtime::fork::forks;
pub use runtime::open_files::Permit;
pub use runtime::pool::{Pool, is_worker};
pub use runtime::time_slice::pause_due;
