//! The engine of laboxide, content-addressed storage on a file system.
//!
//! A write hashes content while it stores it in a temporary file, then publishes the complete file under a
//! key ([`mod@write`]). A read verifies the content against its digest ([`mod@read`]). [`store`] maps keys to
//! objects below a root directory, [`mod@digest`] computes content hashes, [`transfer`] copies or links files
//! into and out of a store, and [`audit`] verifies whole stores. One [`Engine`] per process owns the worker
//! threads and the memory. The crate has no dependency on Python, event loops, tags or content types.

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
