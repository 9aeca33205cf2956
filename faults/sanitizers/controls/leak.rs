//! Loses what it has allocated: `LeakSanitizer` has to say so.

use std::hint::black_box;

fn main() {
    let lost: &'static mut [u8; 100] = Box::leak(black_box(Box::new([7; 100])));
    println!("{}", lost[1]);
}
