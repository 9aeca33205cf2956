//! Reading a whole object into one buffer.

use std::mem::MaybeUninit;
use std::sync::Arc;

use super::check_read;
use crate::digest::Expected;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::memory::slab::BLOCK;
use crate::pass::{Destination, Pass, Region, Source};
use crate::runtime::cancel::CancelToken;
use crate::runtime::open_files::Permit;
use crate::runtime::pool::guarded;
use crate::store::{Key, Object, Store};

/// Memory of the caller, used exclusively by the engine until it is returned.
pub trait Buffer: Send + Sync + 'static {
    /// Returns all of the memory. Its address stays the same when the buffer is moved.
    fn memory(&mut self) -> &mut [MaybeUninit<u8>];
}

/// The size from which huge pages are requested: filling fresh memory then costs a fifth.
const HUGE: usize = 4 << 20;

/// Fills `buffer` with the object under `key`, of exactly that size, and checks it against `expected`.
pub fn read_blob<B: Buffer>(
    engine: &'static Engine,
    store: Arc<Store>,
    key: Key,
    expected: Expected,
    mut buffer: B,
    cancel: CancelToken,
    done: impl FnOnce(Result<B>) + Send + 'static,
) {
    let len = buffer.memory().len();
    let read = move |permit: Option<Permit>| {
        let opened = guarded(|| {
            cancel.check()?;
            open_for(&store, &key, &expected, &mut buffer)
        });
        let object = match opened {
            Ok(object) => object,
            Err(error) => return done(Err(error)),
        };
        prefer_huge_pages(buffer.memory());
        // SAFETY: `buffer` is not accessed until the closure below returns it, which is after the end of
        // the pass; moving it into the closure does not move its memory.
        let region = unsafe { Region::new(buffer.memory()) };
        let pass = Pass {
            source: Source::File(object.file, object.path.clone()),
            destination: Destination::Memory(region),
            size: expected.size,
            algorithms: expected.algorithms(),
            cancel,
        };
        pass.start(engine, move |passed| {
            drop(permit);
            done(passed.and_then(|passed| {
                check_read(&object.path, &expected, &passed.digest)?;
                Ok(buffer)
            }));
        });
    };
    if len > BLOCK { engine.spawn_passing(|permit| read(Some(permit))) } else { engine.spawn(|| read(None)) }
}

fn open_for<B: Buffer>(store: &Store, key: &Key, expected: &Expected, buffer: &mut B) -> Result<Object> {
    if buffer.memory().len() as u64 != expected.size {
        let (len, size) = (buffer.memory().len(), expected.size);
        return Err(Error::Invalid(format!("buffer has the wrong size: {len} bytes, expected {size}")));
    }
    let object = store.open(key)?;
    object.check_size(expected)?;
    Ok(object)
}

/// Requests huge pages for the whole pages within the buffer. Best effort.
#[cfg(target_os = "linux")]
fn prefer_huge_pages(memory: &mut [MaybeUninit<u8>]) {
    const PAGE: usize = 4096;

    if memory.len() < HUGE {
        return;
    }
    let start = memory.as_mut_ptr();
    let skipped = start.align_offset(PAGE);
    let len = (memory.len() - skipped) / PAGE * PAGE;
    // SAFETY: the range lies within `memory`, and this advice does not change its content.
    let _ = unsafe { rustix::mm::madvise(start.add(skipped).cast(), len, rustix::mm::Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn prefer_huge_pages(memory: &mut [MaybeUninit<u8>]) {
    let _ = memory.len() < HUGE;
}
