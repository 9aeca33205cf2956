//! Small jobs whose loop is woken once for several of them: nobody is forgotten.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use laboxide_core::Completions;
use laboxide_core::Engine;
use laboxide_core::digest::{Algorithm, ContentDigest, Expected};
use laboxide_core::store::{Key, Store};
use laboxide_core::write::{Existing, Publication, write_blob};

/// Far more than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn expected(data: &[u8]) -> Expected {
    let digest = ContentDigest::of(&[Algorithm::Blake3], std::iter::once(data));
    Expected { size: digest.size, hash: Some((Algorithm::Blake3, digest.hashes[0].1.clone())) }
}

/// A loop with `flying` writes at a time sees each of them finish, however few are left.
#[test]
fn every_write_wakes_its_loop_in_the_end() {
    let root = tempfile::tempdir().expect("a directory");
    let store = Arc::new(Store::new(root.path().to_owned(), false, false));
    let queue = Arc::new(Completions::new(true).expect("no descriptor is made"));
    let watched = Arc::new(Completions::new(false).expect("a descriptor"));
    for flying in [1, 2, 3, 4, 8] {
        for round in 0..200_u64 {
            let left = Arc::new(AtomicUsize::new(flying));
            for index in 0..flying as u64 {
                let data = [round.to_le_bytes(), index.to_le_bytes(), (flying as u64).to_le_bytes()].concat();
                let expected = expected(&data);
                let key = Key::parse(&format!("{flying}/{round}-{index}")).expect("a key");
                let publication = Publication { key, expected, existing: Existing::Keep };
                let (queue, watched, left) = (Arc::clone(&queue), Arc::clone(&watched), Arc::clone(&left));
                write_blob(
                    Engine::current().expect("threads"),
                    Arc::clone(&store),
                    data,
                    publication,
                    laboxide_core::CancelToken::default(),
                    move |result, _| {
                        result.expect("written");
                        watched.push(());
                        if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                            queue.push(());
                        }
                    },
                );
            }
            let mut seen = 0;
            while seen < flying {
                assert!(is_readable(&watched), "{seen} of {flying} were seen in round {round}");
                seen += watched.drain().len();
            }
            assert!(queue.wait(PATIENCE));
            queue.drain();
        }
    }
}

/// Waits as a loop does, for the descriptor alone.
fn is_readable(completions: &Completions<()>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fd::BorrowedFd;

    let number = completions.descriptor().expect("a descriptor");
    // SAFETY: the descriptor belongs to `completions`, which outlives this call.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    let timeout = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&timeout)).is_ok_and(|ready| ready == 1)
}
