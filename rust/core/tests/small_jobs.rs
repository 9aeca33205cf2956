//! Deferred wake-ups: small jobs wake their event loop once for several completions, and none is lost.
#![cfg(target_os = "linux")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{PATIENCE, engine, expected, publication};
use laboxide_core::digest::Algorithm;
use laboxide_core::store::Store;
use laboxide_core::write::{Existing, write_blob};
use laboxide_core::{CancelToken, Completions};

/// A loop with `in_flight` writes sees each of them finish, also the last ones.
#[test]
fn every_completion_wakes_its_loop() {
    let root = tempfile::tempdir().expect("a directory");
    let store = Arc::new(Store::new(root.path().to_owned(), false, false));
    let queue = Arc::new(Completions::new(true).expect("no descriptor is made"));
    let watched = Arc::new(Completions::new(false).expect("a descriptor"));
    for in_flight in [1, 2, 3, 4, 8] {
        for round in 0..200_u64 {
            let left = Arc::new(AtomicUsize::new(in_flight));
            for index in 0..in_flight as u64 {
                let numbers = [round, index, in_flight as u64];
                let data = numbers.map(u64::to_le_bytes).concat();
                let key = format!("{in_flight}/{round}-{index}");
                let publication = publication(&key, expected(Algorithm::Blake3, &data), Existing::Keep);
                let (queue, watched, left) = (Arc::clone(&queue), Arc::clone(&watched), Arc::clone(&left));
                write_blob(
                    engine(),
                    Arc::clone(&store),
                    data,
                    publication,
                    CancelToken::default(),
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
            while seen < in_flight {
                assert!(is_readable(&watched), "{seen} of {in_flight} were seen in round {round}");
                seen += watched.drain().len();
            }
            assert!(queue.wait(PATIENCE));
            queue.drain();
        }
    }
}

/// Waits for the descriptor alone, as an event loop does.
fn is_readable(completions: &Completions<()>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fd::BorrowedFd;

    let number = completions.descriptor().expect("a descriptor");
    // SAFETY: the descriptor belongs to `completions`, which outlives this call.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    let timeout = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&timeout)).is_ok_and(|ready| ready == 1)
}
