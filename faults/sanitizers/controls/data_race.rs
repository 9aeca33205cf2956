//! Two threads write to one place, in no order: `ThreadSanitizer` has to say so.

use std::sync::Mutex;
use std::thread;

static LOCKED: Mutex<u64> = Mutex::new(0);
static mut NOT_LOCKED: u64 = 0;

fn main() {
    let other = thread::spawn(write);
    write();
    other.join().expect("no panic");
    println!("{}", LOCKED.lock().expect("no panic"));
}

fn write() {
    for _ in 0..1000 {
        // SAFETY: none, that is the point.
        unsafe { NOT_LOCKED += 1 };
    }
    // What is ordered only afterwards is a race all the same.
    *LOCKED.lock().expect("no panic") += 1;
}
