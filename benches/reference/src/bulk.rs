//! Large content: hash, write and copy.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use sha2::{Digest as _, Sha256};

use crate::blocks::{Tree, for_each, share};
use crate::buffer::Buffer;
use crate::content::{BLOCK, Pool};
use crate::file::{publish, unnamed, write_block};
use crate::job::{Algorithm, Stored};

/// Hashes `size` bytes: BLAKE3 on all threads, SHA-256 on one.
pub fn hash(pool: &Pool, algorithm: Algorithm, threads: usize, size: usize) -> io::Result<String> {
    let blocks = size.div_ceil(BLOCK);
    if algorithm == Algorithm::Sha256 {
        let hasher =
            (0..blocks).fold(Sha256::new(), |hasher, index| hasher.chain_update(pool.block(index, size, 0)));
        return Ok(hex(hasher));
    }
    let tree = Tree::new(size);
    for_each(threads, blocks, |index| {
        tree.hash(index, pool.block(index, size, 0));
        Ok(())
    })?;
    Ok(tree.finish())
}

/// Writes one object, with content that starts `shift` bytes into the pool.
pub fn write(
    pool: &Pool,
    shift: usize,
    algorithm: Option<Algorithm>,
    threads: usize,
    size: usize,
    directory: &Path,
) -> io::Result<Stored> {
    let file = unnamed(File::open(directory)?, size)?;
    let blocks = size.div_ceil(BLOCK);
    let block = |index| pool.block(index, size, shift);
    let hash = match algorithm {
        None => {
            for_each(threads, blocks, |index| write_block(&file, index, block(index)))?;
            None
        }
        Some(Algorithm::Blake3) => {
            let tree = Tree::new(size);
            for_each(threads, blocks, |index| {
                tree.hash(index, block(index));
                write_block(&file, index, block(index))
            })?;
            Some(tree.finish())
        }
        Some(Algorithm::Sha256) if threads == 1 => {
            let mut hasher = Sha256::new();
            for index in 0..blocks {
                // Hashing first takes 10 % longer; for BLAKE3 the order makes no difference.
                write_block(&file, index, block(index))?;
                hasher.update(block(index));
            }
            Some(hex(hasher))
        }
        Some(Algorithm::Sha256) => thread::scope(|scope| {
            let writing =
                scope.spawn(|| (0..blocks).try_for_each(|index| write_block(&file, index, block(index))));
            let hasher = (0..blocks).fold(Sha256::new(), |hasher, index| hasher.chain_update(block(index)));
            writing.join().expect("no worker panics").map(|()| Some(hex(hasher)))
        })?,
    };
    let path = publish(&file, directory, hash.as_deref())?;
    Ok(Stored { hash, path: Some(path) })
}

/// Writes several objects concurrently.
///
/// With BLAKE3 all threads share all objects block by block. With SHA-256 each thread takes one object
/// at a time; a single object gets both.
pub fn streams(
    pool: &Pool,
    algorithm: Option<Algorithm>,
    streams: usize,
    threads: usize,
    size: usize,
    directory: &Path,
) -> io::Result<Stored> {
    // The same distances as in the suite: neighbours would share the processor's cache.
    let shift = |stream: usize| pool.cycle() / streams * stream;
    if algorithm != Some(Algorithm::Blake3) {
        let first = std::sync::Mutex::new(None);
        let per_stream = if streams == 1 { threads } else { 1 };
        for_each(threads.min(streams), streams, |stream| {
            let stored = write(pool, shift(stream), algorithm, per_stream, size, directory)?;
            if stream == 0 {
                *first.lock().expect("no worker panics") = stored.hash;
            }
            Ok(())
        })?;
        let hash = first.into_inner().expect("no worker panics");
        return Ok(Stored { hash, path: None });
    }
    let root = File::open(directory)?;
    let files: Vec<_> = (0..streams).map(|_| unnamed(&root, size)).collect::<io::Result<_>>()?;
    let trees: Vec<_> = (0..streams).map(|_| Tree::new(size)).collect();
    for_each(threads, streams * size.div_ceil(BLOCK), |turn| {
        let (index, stream) = (turn / streams, turn % streams);
        let block = pool.block(index, size, shift(stream));
        trees[stream].hash(index, block);
        write_block(&files[stream], index, block)
    })?;
    let hashes: Vec<_> = trees.into_iter().map(Tree::finish).collect();
    for (file, hash) in files.iter().zip(&hashes) {
        publish(file, directory, Some(hash))?;
    }
    Ok(Stored { hash: hashes.into_iter().next(), path: None })
}

/// Copies and hashes the file at `path`.
pub fn copy(
    algorithm: Option<Algorithm>,
    threads: usize,
    path: &Path,
    directory: &Path,
) -> io::Result<Stored> {
    let source = File::open(path)?;
    let size = usize::try_from(source.metadata()?.len()).map_err(io::Error::other)?;
    let target = unnamed(File::open(directory)?, size)?;
    let copy_block = |buffer: &mut Buffer, index: usize| {
        buffer.read_block(&source, index, size)?;
        write_block(&target, index, buffer)
    };
    let hash = fill_and_hash(algorithm, threads, size, copy_block)?;
    let path: PathBuf = publish(&target, directory, hash.as_deref())?;
    Ok(Stored { hash, path: Some(path) })
}

/// Hashes `size` bytes in blocks that `fill` provides.
pub fn fill_and_hash(
    algorithm: Option<Algorithm>,
    threads: usize,
    size: usize,
    fill: impl Fn(&mut Buffer, usize) -> io::Result<()> + Send + Sync,
) -> io::Result<Option<String>> {
    let blocks = size.div_ceil(BLOCK);
    match algorithm {
        None => share(threads, blocks, Buffer::default, fill).map(|()| None),
        Some(Algorithm::Blake3) => in_any_order(size, threads, fill).map(Some),
        Some(Algorithm::Sha256) => in_order(blocks, threads, fill).map(Some),
    }
}

/// Returns the BLAKE3 hash of blocks that `fill` provides in any order.
fn in_any_order(
    size: usize,
    threads: usize,
    fill: impl Fn(&mut Buffer, usize) -> io::Result<()> + Sync,
) -> io::Result<String> {
    let tree = Tree::new(size);
    share(threads, size.div_ceil(BLOCK), Buffer::default, |buffer, index| {
        fill(buffer, index)?;
        tree.hash(index, buffer);
        Ok(())
    })?;
    Ok(tree.finish())
}

/// Returns the SHA-256 of blocks that `fill` provides, on another thread if there is one.
fn in_order(
    blocks: usize,
    threads: usize,
    fill: impl Fn(&mut Buffer, usize) -> io::Result<()> + Send,
) -> io::Result<String> {
    let mut hasher = Sha256::new();
    if threads == 1 {
        let mut buffer = Buffer::default();
        for index in 0..blocks {
            fill(&mut buffer, index)?;
            hasher.update(&*buffer);
        }
        return Ok(hex(hasher));
    }
    let (finished, arriving) = mpsc::channel();
    let (used, reusable) = mpsc::channel();
    (0..4).for_each(|_| used.send(Buffer::default()).expect("the receiver is alive"));
    thread::scope(|scope| {
        let filling = scope.spawn(move || {
            for index in 0..blocks {
                let Ok(mut buffer) = reusable.recv() else { break };
                fill(&mut buffer, index)?;
                let _ = finished.send(buffer);
            }
            Ok(())
        });
        for buffer in arriving {
            hasher.update(&*buffer);
            let _ = used.send(buffer);
        }
        filling.join().expect("no worker panics").map(|()| hex(hasher))
    })
}

pub fn hex(hasher: Sha256) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    hasher.finalize().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
