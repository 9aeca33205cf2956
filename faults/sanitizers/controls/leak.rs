//! Leaks an allocation: `LeakSanitizer` must report it.

use std::hint::black_box;

fn main() {
    let lost: &'static mut [u8; 100] = Box::leak(black_box(Box::new([7; 100])));
    println!("{}", lost[1]);
}
