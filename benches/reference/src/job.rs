//! The jobs and their answers.

use std::io;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::content::Pool;
use crate::cost::{Cost, timed};
use crate::{bulk, reading, small};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    Blake3,
    Sha256,
}

impl Algorithm {
    pub fn hash(self, data: &[u8]) -> String {
        match self {
            Self::Blake3 => blake3::hash(data).to_string(),
            Self::Sha256 => bulk::hex(Sha256::new_with_prefix(data)),
        }
    }
}

/// The fsync policy of small objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flush {
    None,
    Each,
    Grouped,
}

/// A request. Sizes are in bytes, per object.
#[derive(Debug, Deserialize)]
#[serde(tag = "job", rename_all = "lowercase", deny_unknown_fields)]
enum Job {
    Info {},
    Hash {
        algorithm: Algorithm,
        threads: usize,
        size: usize,
    },
    Write {
        algorithm: Option<Algorithm>,
        threads: usize,
        size: usize,
        directory: PathBuf,
    },
    Streams {
        algorithm: Option<Algorithm>,
        streams: usize,
        threads: usize,
        size: usize,
        directory: PathBuf,
    },
    Read {
        algorithm: Option<Algorithm>,
        threads: usize,
        path: PathBuf,
    },
    Whole {
        algorithm: Option<Algorithm>,
        threads: usize,
        path: PathBuf,
    },
    Copy {
        algorithm: Option<Algorithm>,
        threads: usize,
        path: PathBuf,
        directory: PathBuf,
    },
    Create {
        algorithm: Algorithm,
        threads: usize,
        count: usize,
        size: usize,
        directory: PathBuf,
        flush: Flush,
    },
    Open {
        algorithm: Option<Algorithm>,
        threads: usize,
        count: usize,
        paths: Vec<PathBuf>,
    },
}

/// A stored object.
#[derive(Default)]
pub struct Stored {
    pub hash: Option<String>,
    pub path: Option<PathBuf>,
}

/// Runs the job in `line` and returns its cost as JSON.
pub fn answer(pool: &Pool, line: &str) -> Value {
    let job = match serde_json::from_str(line) {
        Ok(job) => job,
        Err(error) => return json!({ "error": format!("{line}: {error}") }),
    };
    match run(pool, &job) {
        Ok(answer) => answer,
        Err(error) => json!({ "error": format!("{job:?}: {error}") }),
    }
}

fn run(pool: &Pool, job: &Job) -> io::Result<Value> {
    match job {
        Job::Info {} => Ok(json!({ "version": env!("CARGO_PKG_VERSION") })),
        Job::Hash { algorithm, threads, size } => {
            let (hash, cost) = timed(|| bulk::hash(pool, *algorithm, *threads, *size));
            Ok(answer_of(&cost, *size, &Stored { hash: Some(hash?), path: None }))
        }
        Job::Write { algorithm, threads, size, directory } => {
            let (stored, cost) = timed(|| bulk::write(pool, 0, *algorithm, *threads, *size, directory));
            Ok(answer_of(&cost, *size, &stored?))
        }
        Job::Streams { algorithm, streams, threads, size, directory } => {
            let (stored, cost) =
                timed(|| bulk::streams(pool, *algorithm, *streams, *threads, *size, directory));
            Ok(answer_of(&cost, *size * streams, &stored?))
        }
        Job::Read { algorithm, threads, path } => {
            let (read, cost) = timed(|| reading::read(*algorithm, *threads, path));
            let (size, hash) = read?;
            Ok(answer_of(&cost, size, &Stored { hash, path: None }))
        }
        Job::Whole { algorithm, threads, path } => {
            let (read, cost) = timed(|| reading::whole(*algorithm, *threads, path));
            let (memory, hash) = read?;
            Ok(answer_of(&cost, memory.len, &Stored { hash, path: None }))
        }
        Job::Copy { algorithm, threads, path, directory } => {
            let size = usize::try_from(path.metadata()?.len()).map_err(io::Error::other)?;
            let (stored, cost) = timed(|| bulk::copy(*algorithm, *threads, path, directory));
            Ok(answer_of(&cost, size, &stored?))
        }
        Job::Create { algorithm, threads, count, size, directory, flush } => {
            let shards = small::Shards::make(directory)?;
            let (hash, cost) =
                timed(|| small::create(pool, &shards, *algorithm, *threads, *count, *size, *flush));
            Ok(answer_of(&cost, count * size, &Stored { hash: Some(hash?), path: None }))
        }
        Job::Open { algorithm, threads, count, paths } => {
            let files = small::known(paths)?;
            let (bytes, cost) = timed(|| small::open(*algorithm, *threads, *count, &files));
            Ok(answer_of(&cost, bytes?, &Stored::default()))
        }
    }
}

fn answer_of(cost: &Cost, bytes: usize, stored: &Stored) -> Value {
    json!({
        "seconds": cost.seconds,
        "cpu_seconds": cost.cpu_seconds,
        "bytes": bytes,
        "hash": stored.hash,
        "path": stored.path,
    })
}
