//! The interface between the pipeline of a stream and the place where its blocks are written.

use crate::error::Result;
use crate::runtime::open_files::Permit;

/// A callback that runs once, with the error if the stream was stopped.
pub type Notify = Box<dyn FnOnce(Result<()>) + Send>;

/// Stores the blocks of a stream, such as a staged file or an upload.
///
/// Workers write several blocks at once and in any order. All blocks of a stream have the same size, except
/// the last one, so a sink with larger parts can compute from an offset which part a block belongs to.
/// A stream that ends within its first block writes nothing: the caller takes that block instead.
///
/// No method may wait for a network, because a blocked worker delays all other streams. A sink that sends its
/// blocks copies them, returns, and reports an error at the next call. It bounds its memory with
/// [`Self::is_full`].
pub trait BlockSink: Send + Sync {
    /// Returns whether the sink needs a permit for an open file before its first block.
    fn needs_permit(&self) -> bool {
        false
    }

    /// Accepts the permit. Returns it if the sink is closed already.
    fn permit(&self, permit: Permit) -> Option<Permit> {
        Some(permit)
    }

    /// Writes the parts of a block of `len` bytes one after the other, starting at `offset`.
    fn write(&self, offset: u64, len: usize, parts: &mut dyn Iterator<Item = &[u8]>) -> Result<()>;

    /// Returns whether the producer has to wait for [`Self::when_room`] after the current block.
    fn is_full(&self) -> bool {
        false
    }

    /// Calls `notify` once the sink has room or is closed, immediately if it is.
    fn when_room(&self, notify: Notify) {
        notify(Ok(()));
    }

    /// Ends the content after `size` bytes. All blocks are written by then.
    fn end(&self, size: u64) -> Result<()>;

    /// Removes everything that was written and refuses further blocks. The space is free afterwards.
    ///
    /// A worker calls this after an error or an abort, also while others write.
    fn discard(&self);

    /// Returns whether the sink was discarded or its content was taken. Called on the loop's thread.
    fn is_closed(&self) -> bool;
}
