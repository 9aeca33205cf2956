//! The work of a pass, shared block by block.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

use super::window::Window;
use super::{Destination, Done, Pass, Passed, Source};
use crate::digest::serial::{HashInput, SerialStream};
use crate::digest::{Algorithm, StreamHash, Tree, subtree};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fs::io;
use crate::memory::slab::{BLOCK, Slab};
use crate::runtime::cancel::CancelToken;
use crate::runtime::pool::{JOB_SLICE, guarded};
use crate::runtime::sequencer::Sequencer;
use crate::runtime::sync::{self, lock};

/// A pass that has begun. Each strand claims blocks until there are none left.
///
/// BLAKE3 is hashed by whoever has the block. What needs the bytes in order is hashed on `sequencer`, by
/// one worker at a time, while the others read and write ahead of it.
pub(super) struct RunningPass {
    engine: &'static Engine,
    /// Taken by the last strand; read by all the others.
    ends: RwLock<Option<Ends>>,
    size: u64,
    blocks: u64,
    algorithms: Vec<Algorithm>,
    cancel: CancelToken,
    tree: Option<Mutex<Tree>>,
    serial: Mutex<StreamHash>,
    in_order: bool,
    sequencer: Sequencer<Held>,
    window: Window,
    next: AtomicU64,
    strands: AtomicUsize,
    error: Mutex<Option<Error>>,
    done: Mutex<Option<Done>>,
}

type Ends = (Source, Destination);

/// Where a block is until it is hashed.
enum Held {
    Slab(Slab),
    /// In the memory that is the source or the destination.
    AtAnEnd,
}

fn blocks_of(size: u64) -> u64 {
    size.div_ceil(BLOCK as u64)
}

fn hash_of(pass: &Pass) -> StreamHash {
    let by_units = blocks_of(pass.size) > 1;
    if by_units { StreamHash::by_units(&pass.algorithms) } else { StreamHash::new(&pass.algorithms) }
}

impl RunningPass {
    /// How many strands a pass is worth: all workers, but for a hash in order one to hash and one to
    /// read and write.
    pub(super) fn strands(pass: &Pass, engine: &Engine) -> usize {
        let hash = hash_of(pass);
        let most = if hash.tree.is_some() || hash.hashers.is_empty() { engine.width() } else { 2 };
        usize::try_from(blocks_of(pass.size)).unwrap_or(usize::MAX).clamp(1, most)
    }

    pub(super) fn new(pass: Pass, engine: &'static Engine, strands: usize, done: Done) -> Self {
        let mut hash = hash_of(&pass);
        Self {
            engine,
            blocks: blocks_of(pass.size),
            size: pass.size,
            ends: RwLock::new(Some((pass.source, pass.destination))),
            algorithms: pass.algorithms,
            cancel: pass.cancel,
            tree: hash.tree.take().map(Mutex::new),
            in_order: !hash.hashers.is_empty(),
            serial: Mutex::new(hash),
            sequencer: Sequencer::default(),
            window: Window::default(),
            next: AtomicU64::new(0),
            strands: AtomicUsize::new(strands),
            error: Mutex::new(None),
            done: Mutex::new(Some(done)),
        }
    }

    pub(super) fn run(self: Arc<Self>) {
        let begun = Instant::now();
        while self.go_on() {
            if self.in_order && !self.window.enter(self.claimed()) {
                return;
            }
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.blocks {
                break;
            }
            if let Err(error) = guarded(|| self.block(index)) {
                lock(&self.error).get_or_insert(error);
            }
            if begun.elapsed() > JOB_SLICE {
                let engine = self.engine;
                return engine.spawn(move || self.run());
            }
        }
        self.resume(self.window.close());
        self.leave();
    }

    /// The last one to leave ends the pass.
    fn leave(&self) {
        if self.strands.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish();
        }
    }

    fn go_on(&self) -> bool {
        let mut error = lock(&self.error);
        if let (None, Err(cancelled)) = (&*error, self.cancel.check()) {
            *error = Some(cancelled);
        }
        error.is_none()
    }

    fn claimed(&self) -> u64 {
        self.next.load(Ordering::Relaxed).min(self.blocks)
    }

    fn resume(self: &Arc<Self>, strands: usize) {
        for _ in 0..strands {
            let strand = Arc::clone(self);
            self.engine.spawn(move || strand.run());
        }
    }

    fn block(self: &Arc<Self>, index: u64) -> Result<()> {
        match self.fetch_and_settle(index)? {
            Some(held) if self.in_order => self.hash_in_order(index, held),
            held => held.into_iter().for_each(|held| self.let_go(held)),
        }
        Ok(())
    }

    fn fetch_and_settle(&self, index: u64) -> Result<Option<Held>> {
        let ends = sync::read(&self.ends);
        let Some(ends) = &*ends else { return Ok(None) };
        let held = self.fetch(index, ends)?;
        if let Err(error) = self.settle(index, self.data(index, &held, ends), &ends.1) {
            self.let_go(held);
            return Err(error);
        }
        Ok(Some(held))
    }

    /// Brings a block into memory.
    fn fetch(&self, index: u64, ends: &Ends) -> Result<Held> {
        let (offset, len) = self.place(index);
        match ends {
            (Source::Memory(_), _) => Ok(Held::AtAnEnd),
            (Source::File(file, path), Destination::Memory(region)) => {
                // SAFETY: block `index` was claimed by this strand alone.
                let memory = unsafe { region.slice(offset, len) };
                let filled = io::read_at(file, path, memory, offset)?;
                io::require_full(path, offset, filled, len)?;
                Ok(Held::AtAnEnd)
            }
            (Source::File(file, path), _) => {
                let mut slab = self.engine.slabs.take(BLOCK);
                let read = io::read_into_slab(file, path, &mut slab, len, offset);
                let held = Held::Slab(slab);
                match read {
                    Ok(()) => Ok(held),
                    Err(error) => {
                        self.let_go(held);
                        Err(error)
                    }
                }
            }
        }
    }

    /// The bytes of a block that was fetched.
    fn data<'a>(&self, index: u64, held: &'a Held, ends: &'a Ends) -> &'a [u8] {
        let (offset, len) = self.place(index);
        match (held, ends) {
            (Held::Slab(slab), _) => slab,
            (Held::AtAnEnd, (Source::Memory(memory), _)) => {
                let start = usize::try_from(offset).expect("within memory");
                &(**memory).as_ref()[start..start + len]
            }
            (Held::AtAnEnd, (_, Destination::Memory(region))) => {
                // SAFETY: the strand that fetched the block has filled all of it, and nobody writes
                // to it again.
                unsafe { region.filled(offset, len) }
            }
            (Held::AtAnEnd, _) => &[],
        }
    }

    /// What can be done to a block whenever its turn is.
    fn settle(&self, index: u64, data: &[u8], destination: &Destination) -> Result<()> {
        let offset = index * BLOCK as u64;
        // Writing first leaves the data in the cache for the hash: 3-5 % more.
        if let Destination::Staged(staged) = destination {
            staged.write(offset, std::iter::once(data))?;
        }
        if let Some(tree) = &self.tree {
            let value = subtree(offset, std::iter::once(data));
            lock(tree).insert(index, value);
        }
        Ok(())
    }

    fn hash_in_order(self: &Arc<Self>, index: u64, held: Held) {
        if self.sequencer.add(index, held) {
            // Who hashes counts as a strand: the pass is not over before.
            self.strands.fetch_add(1, Ordering::Relaxed);
            self.engine.pairs.begin(&self.engine.pool, Arc::<Self>::clone(self));
        }
    }

    fn let_go(&self, held: Held) {
        if let Held::Slab(slab) = held {
            self.engine.slabs.put_back(slab);
        }
    }

    fn place(&self, index: u64) -> (u64, usize) {
        let offset = index * BLOCK as u64;
        (offset, usize::try_from(self.size - offset).unwrap_or(usize::MAX).min(BLOCK))
    }

    fn finish(&self) {
        let ends = sync::write(&self.ends).take();
        let (Some(done), Some((source, destination))) = (lock(&self.done).take(), ends) else { return };
        // Closed, and lent memory let go of, before anyone is told that the pass is over.
        drop(source);
        done(match lock(&self.error).take() {
            Some(error) => {
                // The space is free before anyone learns that it was not enough.
                drop(destination);
                Err(error)
            }
            None => guarded(|| {
                let mut hash = lock(&self.serial).clone();
                hash.tree = self.tree.as_ref().map(|tree| lock(tree).clone());
                Ok(Passed { digest: hash.finish(self.size, &self.algorithms), destination })
            }),
        });
    }
}

impl SerialStream for RunningPass {
    fn step(self: Arc<Self>, hash: &mut dyn FnMut(Option<HashInput<'_, '_>>)) {
        let ends = sync::read(&self.ends);
        let (Some((index, held)), Some(ends)) = (self.sequencer.take(), &*ends) else { return hash(None) };
        let hashers = &mut lock(&self.serial).hashers;
        hash(Some(HashInput { hashers, parts: &mut std::iter::once(self.data(index, &held, ends)) }));
        self.let_go(held);
        self.resume(self.window.advance(self.claimed()));
    }

    fn has_more(self: Arc<Self>) -> bool {
        let has_more = self.sequencer.has_more();
        if !has_more {
            self.leave();
        }
        has_more
    }
}
