//! Reading: content is verified before the caller receives it.
//!
//! A [`StreamReader`] hands out chunks in order. Workers fill and hash them ahead of the consumer (`ahead`),
//! within the stream's share of the memory budget. The descriptor of an idle stream is closed when another
//! stream needs the permit, and `opened` reopens the file for the next chunk.
//!
//! `blob` reads a whole object into one buffer. `cached` reads a small object on the caller's thread, without
//! waiting for the device. `verify` compares an object with its hash and hashes arbitrary files. `original`
//! reads a file of the user, which may change while being read; the others read objects of a store.

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
