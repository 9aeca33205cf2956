//! Two streams and a store, whatever is done to them and in which order, are as they should be.
#![no_main]

use laboxide_fuzz::{Script, Session, World};
use libfuzzer_sys::fuzz_target;

/// Bytes that are written and read in one run, and of one stream: several blocks.
const EFFORT: usize = 24 << 20;
const STREAM: usize = 5 << 20;

fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    let mut world = World::new(&mut script);
    let mut sessions = [0, 1].map(|_| Session::begin(&mut script, &world.store));
    let mut effort = EFFORT;
    while let Some(operation) = script.byte().filter(|_| effort > 0) {
        let session = &mut sessions[usize::from(operation >> 7)];
        let used = match operation % 12 {
            0 => {
                *session = Session::begin(&mut script, &world.store);
                0
            }
            1..=3 => session.feed(&mut script, STREAM - session.content().len()),
            4 => {
                session.look();
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
            9 => world.tear(&mut script, STREAM),
            10 => {
                world.remove(&mut script);
                0
            }
            _ => world.read(&mut script),
        };
        effort = effort.saturating_sub(used + 4096);
    }
    drop(sessions);
    world.end();
});
