//! Fuzzes the sizes of chunks: the digest of a stream never depends on how it is split.
#![no_main]

use std::sync::mpsc;

use laboxide_core::Engine;
use laboxide_core::digest::{Algorithm, Hasher};
use laboxide_core::write::{Flow, StreamWriter};
use laboxide_fuzz::{Script, algorithms, digest, painted, wait};
use libfuzzer_sys::fuzz_target;

/// The lowest of the maximum sizes; the highest is 128 times as much. Small content makes more runs per second.
const MIN_MAX_SIZE: usize = 64 << 10;

fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    let algorithms = algorithms(&mut script);
    let (colour, max_size) = (script.choice(251), MIN_MAX_SIZE << script.choice(8));
    let mut cuts = Vec::new();
    let mut size = 0;
    while let Some(choices) = script.byte() {
        let len = script.size().min(max_size - size);
        cuts.push((size, size + len, choices));
        size += len;
    }
    // The end of the content is the input of the fuzzer.
    let mut content = painted(colour, size).to_vec();
    let marked = input.len().min(size);
    content[size - marked..].copy_from_slice(&input[..marked]);
    check_hashers(&algorithms, &content, &cuts);
    check_stream(&algorithms, &content, &cuts);
});

type Cut = (usize, usize, u8);

fn check_hashers(algorithms: &[Algorithm], content: &[u8], cuts: &[Cut]) {
    for (algorithm, (_, whole)) in algorithms.iter().zip(digest(algorithms, content).hashes) {
        let mut hasher = Hasher::new(*algorithm);
        for (start, end, choices) in cuts {
            if choices & 1 == 1 {
                hasher = hasher.clone();
            }
            hasher.update(&content[*start..*end]);
        }
        assert_eq!(laboxide_core::digest::hex(&hasher.finalize()), whole);
    }
}

fn check_stream(algorithms: &[Algorithm], content: &[u8], cuts: &[Cut]) {
    let writer = StreamWriter::<Vec<u8>>::new(Engine::current().expect("threads"), None, algorithms.to_vec());
    for (start, end, choices) in cuts {
        let chunk = &content[*start..*end];
        let flow = if choices & 1 == 1 { writer.feed_copy(chunk) } else { writer.feed(chunk.to_vec()) };
        if flow.expect("open") == Flow::Full {
            wait(|done| writer.room(done).expect("open")).expect("room");
        }
        if choices & 6 == 6 {
            assert_eq!(writer.digest().expect("open"), digest(algorithms, &content[..*end]));
        }
    }
    let (sender, receiver) = mpsc::channel();
    let finished =
        writer.finish(move |result| sender.send(result).expect("the receiver is alive")).expect("open");
    let at_once = finished.is_some();
    let found = finished.unwrap_or_else(|| writer.digest().expect("hashed"));
    assert_eq!(found, digest(algorithms, content));
    if !at_once {
        receiver.recv().expect("a callback").expect("hashed");
        assert_eq!(writer.digest().expect("hashed"), found);
    }
}
