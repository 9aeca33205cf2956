//! All objects of a store, a batch at a time.

use std::fs::{self, ReadDir};
use std::sync::{Arc, Mutex};

use super::Store;
use super::key::STAGING;
use crate::error::{Context as _, Result};
use crate::pool::lock;

/// One object found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
}

/// A walk through a store. It holds one open directory per level, whatever the number of objects.
pub struct Listing {
    store: Arc<Store>,
    /// The directories being read, each with the prefix of its keys; None before the walk began.
    levels: Mutex<Option<Vec<(String, ReadDir)>>>,
}

impl Listing {
    /// A walk from the start.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, levels: Mutex::new(None) }
    }

    /// The next objects, `limit` at the most; none when the walk is over. Objects that come and go
    /// meanwhile may be in it or not. Names that are not valid Unicode cannot be keys and are passed over.
    pub fn next_batch(&self, limit: usize) -> Result<Vec<Listed>> {
        let mut guard = lock(&self.levels);
        if guard.is_none() {
            *guard = Some(vec![self.enter("")?]);
        }
        let levels = guard.get_or_insert_default();
        let mut batch = Vec::new();
        while batch.len() < limit {
            let Some((prefix, entries)) = levels.last_mut() else { break };
            let Some(entry) = entries.next() else {
                levels.pop();
                continue;
            };
            let entry = entry.context("list", &self.store.root().join(&*prefix))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let key = format!("{prefix}{name}");
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && key != STAGING {
                // A directory that is removed meanwhile holds nothing.
                levels.extend(self.enter(&format!("{key}/")).ok());
            } else if kind.is_file() {
                batch.extend(path.metadata().ok().map(|metadata| Listed { key, size: metadata.len() }));
            }
        }
        Ok(batch)
    }

    fn enter(&self, prefix: &str) -> Result<(String, ReadDir)> {
        let path = self.store.root().join(prefix);
        Ok((prefix.to_owned(), fs::read_dir(&path).context("list", &path)?))
    }
}
