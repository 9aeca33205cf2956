//! Adapters to the callbacks and buffers of the engine.

use std::mem::MaybeUninit;
use std::sync::mpsc;

use laboxide_core::read::Buffer;

/// Starts an operation and waits for its result.
pub fn wait<T: Send + 'static>(start: impl FnOnce(Box<dyn FnOnce(T) + Send>)) -> T {
    let (sender, receiver) = mpsc::channel();
    start(Box::new(move |value| {
        // Fails only if this thread has panicked.
        let _ = sender.send(value);
    }));
    receiver.recv().expect("every operation calls its callback")
}

/// A buffer for reads, filled with a pattern that reveals bytes the engine did not write.
pub struct Memory(Vec<u8>);

impl Memory {
    /// Creates a buffer of `len` bytes.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self(vec![0xEE; len])
    }

    /// Returns the content.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl Buffer for Memory {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: both types have the same layout, and the engine writes only initialised bytes.
        unsafe { &mut *(std::ptr::from_mut(self.0.as_mut_slice()) as *mut [MaybeUninit<u8>]) }
    }
}
