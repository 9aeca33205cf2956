//! Reads what is freed: `AddressSanitizer` has to say so.

use std::hint::black_box;

fn main() {
    let freed = black_box(Box::new(7_u8));
    let pointer: *const u8 = &raw const *freed;
    drop(freed);
    // SAFETY: none, that is the point.
    println!("{}", unsafe { black_box(pointer).read() });
}
