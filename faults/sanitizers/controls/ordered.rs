//! Threads that are ordered by contended locks, and by the last reference to an `Arc`:
//! `ThreadSanitizer` must report nothing.

use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::thread;
use std::time::Duration;

struct Shared {
    queue: Mutex<Vec<Box<u64>>>,
    arrived: Condvar,
    sum: RwLock<u64>,
}

fn main() {
    let queue = Mutex::new(Vec::new());
    let shared = Arc::new(Shared { queue, arrived: Condvar::new(), sum: RwLock::new(0) });
    let threads: Vec<_> = (0..4_u64)
        .map(|index| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || if index % 2 == 0 { give(&shared) } else { take(&shared, index == 1) })
        })
        .collect();
    drop(shared);
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}

fn give(shared: &Shared) {
    for number in 0..2000 {
        shared.queue.lock().expect("no panic").push(Box::new(number));
        shared.arrived.notify_one();
        assert!(*shared.sum.read().expect("no panic") < u64::MAX);
    }
}

fn take(shared: &Shared, patiently: bool) {
    for _ in 0..2000 {
        let mut queue = shared.queue.lock().expect("no panic");
        while queue.is_empty() {
            queue = if patiently {
                shared.arrived.wait(queue).expect("no panic")
            } else {
                shared.arrived.wait_timeout(queue, Duration::from_secs(1)).expect("no panic").0
            };
        }
        let number = queue.pop().expect("not empty");
        drop(queue);
        *shared.sum.write().expect("no panic") += *number;
    }
}
