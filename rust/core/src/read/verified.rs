//! What was verified and is still open, in the hands of an event loop.

use crate::engine::Engine;
use crate::store::Object;

/// An object that is what it should be. To read it means to read what was verified.
pub struct Verified {
    engine: &'static Engine,
    /// None while it is dropped, and at no other time.
    object: Option<Object>,
}

impl Verified {
    pub(crate) fn new(engine: &'static Engine, object: Object) -> Self {
        Self { engine, object: Some(object) }
    }

    /// The object, open for as long as anybody has it.
    ///
    /// # Panics
    ///
    /// Never: it is taken when this is dropped.
    #[must_use]
    pub fn object(&self) -> &Object {
        self.object.as_ref().expect("it is not dropped")
    }
}

impl Drop for Verified {
    /// Closing a file asks a disk that is served by a process or over a network, and frees what was
    /// deleted meanwhile: not on the loop's thread.
    fn drop(&mut self) {
        let object = self.object.take();
        if self.engine.is_current() {
            self.engine.spawn(move || drop(object));
        }
    }
}
