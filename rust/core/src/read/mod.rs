//! From an object to bytes, verified on the way.

mod ahead;
mod blob;
#[cfg(target_os = "linux")]
mod cached;
mod opened;
mod original;
mod stream;
mod verified;
mod verify;

pub use blob::{Buffer, read_blob};
#[cfg(target_os = "linux")]
pub use cached::{Cached, open_cached};
pub(crate) use original::Original;
pub use stream::{StreamReader, Taken};
pub use verified::Verified;
pub(crate) use verify::check_read;
pub use verify::{hash_file, hash_object, open_verified, verify};
