//! Concurrent first use: several threads start the engine at the same time.

use std::sync::Barrier;
use std::thread;

use laboxide_core::Engine;

/// The losers of the race free their engine; `LeakSanitizer` reports a leak.
#[test]
fn all_threads_get_the_same_engine() {
    for _ in 0..20 {
        Engine::forget_after_fork();
        let together = Barrier::new(8);
        let first = || {
            together.wait();
            std::ptr::from_ref(Engine::current().expect("threads")) as usize
        };
        let engines: Vec<usize> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(first)).collect();
            threads.into_iter().map(|thread| thread.join().expect("an engine")).collect()
        });
        assert!(engines.iter().all(|engine| *engine == engines[0]));
    }
}
