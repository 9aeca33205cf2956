//! Two threads write to one place without an order: `ThreadSanitizer` must report it.

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
        // SAFETY: none, on purpose.
        unsafe { NOT_LOCKED += 1 };
    }
    // An order that is established only afterwards does not prevent the race.
    *LOCKED.lock().expect("no panic") += 1;
}
