//! Reads freed memory: `AddressSanitizer` must report it.

use std::hint::black_box;

fn main() {
    let freed = black_box(Box::new(7_u8));
    let pointer: *const u8 = &raw const *freed;
    drop(freed);
    // SAFETY: none, on purpose.
    println!("{}", unsafe { black_box(pointer).read() });
}
