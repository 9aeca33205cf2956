//! Many small objects.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::blocks::share;
use crate::buffer::Buffer;
use crate::content::Pool;
use crate::file::{link, unnamed};
use crate::job::{Algorithm, Flush};

/// Number of objects per shared flush.
const GROUP: usize = 100;

/// 256 directories: a directory serialises the creation of names.
pub struct Shards {
    root: File,
    shards: Vec<File>,
}

impl Shards {
    pub fn make(directory: &Path) -> io::Result<Self> {
        let shard = |index: usize| {
            let path = directory.join(format!("{index:02x}"));
            std::fs::create_dir_all(&path)?;
            File::open(path)
        };
        Ok(Self { root: File::open(directory)?, shards: (0..256).map(shard).collect::<io::Result<_>>()? })
    }

    fn of(&self, hash: &str) -> &File {
        &self.shards[usize::from_str_radix(&hash[..2], 16).unwrap_or_default()]
    }
}

/// Creates `count` objects of `size` bytes and returns the hash of the first.
pub fn create(
    pool: &Pool,
    shards: &Shards,
    algorithm: Algorithm,
    threads: usize,
    count: usize,
    size: usize,
    flush: Flush,
) -> io::Result<String> {
    let content = |buffer: &mut Vec<u8>, index: usize| {
        buffer.resize(size, 0);
        let marked = size.min(8);
        buffer[..marked].copy_from_slice(&(index as u64).to_le_bytes()[..marked]);
        algorithm.hash(buffer)
    };
    let fresh = || pool.start(size).to_vec();
    if flush == Flush::Grouped {
        share(threads, count.div_ceil(GROUP), fresh, |buffer, group| {
            let first = group * GROUP;
            let staged: Vec<_> = (first..count.min(first + GROUP))
                .map(|index| {
                    let hash = content(buffer, index);
                    Ok((stage(shards, &hash, buffer)?, hash))
                })
                .collect::<io::Result<_>>()?;
            rustix::fs::syncfs(&shards.root)?;
            staged.iter().try_for_each(|(file, hash)| link(file, shards.of(hash), hash))?;
            Ok(rustix::fs::syncfs(&shards.root)?)
        })?;
    } else {
        share(threads, count, fresh, |buffer, index| {
            let hash = content(buffer, index);
            let file = stage(shards, &hash, buffer)?;
            if flush == Flush::Each {
                file.sync_all()?;
            }
            link(&file, shards.of(&hash), &hash)?;
            if flush == Flush::Each { shards.of(&hash).sync_all() } else { Ok(()) }
        })?;
    }
    Ok(content(&mut fresh(), 0))
}

fn stage(shards: &Shards, hash: &str, content: &[u8]) -> io::Result<File> {
    let file = unnamed(shards.of(hash), 0)?;
    file.write_all_at(content, 0)?;
    Ok(file)
}

/// A small file and its size in bytes.
pub type Known = (PathBuf, usize);

pub fn known(paths: &[PathBuf]) -> io::Result<Vec<Known>> {
    let with_size = |path: &PathBuf| {
        let size = usize::try_from(path.metadata()?.len()).map_err(io::Error::other)?;
        Ok((path.clone(), size))
    };
    paths.iter().map(with_size).collect()
}

/// Opens, reads and closes small files in turn, `count` times; returns the bytes read.
pub fn open(
    algorithm: Option<Algorithm>,
    threads: usize,
    count: usize,
    files: &[Known],
) -> io::Result<usize> {
    share(threads, count, Buffer::default, |buffer: &mut Buffer, index| {
        let (path, size) = &files[index % files.len()];
        let mut file = File::open(path)?;
        buffer.fill(*size, |room| file.read_exact(room))?;
        algorithm.map(|algorithm| algorithm.hash(buffer));
        Ok(())
    })?;
    Ok((0..count).map(|index| files[index % files.len()].1).sum())
}
