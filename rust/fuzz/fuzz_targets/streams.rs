//! Fuzzes operations on two write streams and a store, in any order, against their models.
#![no_main]

use laboxide_fuzz::{Script, Session, World};
use libfuzzer_sys::fuzz_target;

/// The number of bytes that one run writes and reads.
const MAX_BYTES: usize = 24 << 20;
/// The maximum size of one stream or object, several blocks.
const MAX_STREAM: usize = 5 << 20;

fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    let mut world = World::new(&mut script);
    let mut sessions = [0, 1].map(|_| Session::begin(&mut script, &world.store));
    let mut remaining = MAX_BYTES;
    while let Some(operation) = script.byte().filter(|_| remaining > 0) {
        let session = &mut sessions[usize::from(operation >> 7)];
        let used = match operation % 12 {
            0 => {
                *session = Session::begin(&mut script, &world.store);
                0
            }
            1..=3 => session.feed(&mut script, MAX_STREAM - session.content().len()),
            4 => {
                session.check_digest();
                session.content().len()
            }
            5 => {
                session.finish(script.flag());
                0
            }
            6 => {
                session.abort();
                0
            }
            7 | 8 => {
                world.publish(&mut script, session);
                session.content().len()
            }
            9 => world.overwrite(&mut script, MAX_STREAM),
            10 => {
                world.remove(&mut script);
                0
            }
            _ => world.read(&mut script),
        };
        remaining = remaining.saturating_sub(used + 4096);
    }
    drop(sessions);
    world.check_objects();
});
