//! From an object to bytes, verified on the way.
//!
//! A [`StreamReader`] hands out chunks that workers read `ahead`; `opened` closes and reopens its file when
//! other streams need the permit. `blob` reads a whole object into one buffer, `cached` a small one without
//! waiting for the device. `verify` compares an object with its hash, and `original` is a file of the user's
//! own, which may change while it is read.

mod ahead;
mod blob;
#[cfg(target_os = "linux")]
mod cached;
mod opened;
mod original;
mod stream;
mod verify;

pub use blob::{Buffer, read_blob};
#[cfg(target_os = "linux")]
pub use cached::{Cached, open_cached};
pub(crate) use original::Original;
pub use stream::{StreamReader, Taken};
pub(crate) use verify::check_read;
pub use verify::{Verified, hash_file, hash_object, open_verified, verify};
