//! The code that the fuzz targets share.
//!
//! A [`Script`] reads the fuzzer's input as a sequence of choices. [`painted`] returns content, [`digest`] its
//! digest, and a [`Claim`] is a digest that may be false. A [`World`] is a store with a model of its objects,
//! and a [`Session`] is a write stream with a model of its state: both assert that the engine behaves like the
//! model. [`wait`] and [`Memory`] adapt the callbacks and buffers of the engine.

mod adapters;
mod content;
mod script;
mod session;
mod world;

pub use adapters::{Memory, wait};
pub use content::{Claim, algorithms, digest, painted};
pub use script::Script;
pub use session::Session;
pub use world::World;
