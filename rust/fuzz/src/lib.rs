//! What the targets share: an input read as a script, content to go with it, and what is to come out.

mod answers;
mod claim;
mod content;
mod memory;
mod script;
mod session;
mod world;

pub use answers::answer;
pub use claim::{Claim, algorithms};
pub use content::{digest, painted};
pub use memory::Memory;
pub use script::Script;
pub use session::Session;
pub use world::World;
