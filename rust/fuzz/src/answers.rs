//! Waiting for what the engine answers.

use std::sync::mpsc;

/// Waits for the one answer of an operation.
pub fn answer<T: Send + 'static>(start: impl FnOnce(Box<dyn FnOnce(T) + Send>)) -> T {
    let (sender, receiver) = mpsc::channel();
    start(Box::new(move |value| {
        // Whoever has left needs no answer.
        let _ = sender.send(value);
    }));
    receiver.recv().expect("every operation answers")
}
