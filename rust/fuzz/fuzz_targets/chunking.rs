//! However content is cut into chunks, kept or copied, its digest is that of the whole.
#![no_main]

use std::sync::mpsc;

use laboxide_core::Engine;
use laboxide_core::digest::{Algorithm, Hasher};
use laboxide_core::write::{Flow, StreamWriter};
use laboxide_fuzz::{Script, algorithms, answer, digest, painted};
use libfuzzer_sys::fuzz_target;

/// The most that a run hashes is this, or up to 128 times as much: few blocks are many runs.
const LEAST: usize = 64 << 10;

fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    let algorithms = algorithms(&mut script);
    let (colour, most) = (script.choice(251), LEAST << script.choice(8));
    let mut cuts = Vec::new();
    let mut size = 0;
    while let Some(choices) = script.byte() {
        let len = script.size().min(most - size);
        cuts.push((size, size + len, choices));
        size += len;
    }
    // Bytes of the fuzzer's own, wherever they come to lie.
    let mut content = painted(colour, size).to_vec();
    let marked = input.len().min(size);
    content[size - marked..].copy_from_slice(&input[..marked]);
    one_after_the_other(&algorithms, &content, &cuts);
    as_a_stream(&algorithms, &content, &cuts);
});

type Cut = (usize, usize, u8);

fn one_after_the_other(algorithms: &[Algorithm], content: &[u8], cuts: &[Cut]) {
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

fn as_a_stream(algorithms: &[Algorithm], content: &[u8], cuts: &[Cut]) {
    let writer = StreamWriter::<Vec<u8>>::new(Engine::current().expect("threads"), None, algorithms.to_vec());
    for (start, end, choices) in cuts {
        let chunk = &content[*start..*end];
        let flow = if choices & 1 == 1 { writer.feed_copy(chunk) } else { writer.feed(chunk.to_vec()) };
        if flow.expect("open") == Flow::Full {
            answer(|done| writer.room(done).expect("open")).expect("room");
        }
        if choices & 6 == 6 {
            assert_eq!(writer.digest().expect("open"), digest(algorithms, &content[..*end]));
        }
    }
    let (sender, receiver) = mpsc::channel();
    let ended = writer.finish(move |result| sender.send(result).expect("awaited")).expect("open");
    let at_once = ended.is_some();
    let found = ended.unwrap_or_else(|| writer.digest().expect("hashed"));
    assert_eq!(found, digest(algorithms, content));
    if !at_once {
        receiver.recv().expect("an answer").expect("hashed");
        assert_eq!(writer.digest().expect("hashed"), found);
    }
}
