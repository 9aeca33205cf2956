//! Complete content with its digest, not yet published.

use std::sync::Arc;

use super::blob::{Small, write_small};
use super::block::Block;
use super::{Publication, Published, publish, publish_unstaged};
use crate::digest::{Algorithm, ContentDigest, Expected};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fs::staged::StagedFile;
use crate::pass::hash_open_file;
use crate::runtime::pool::guarded;
use crate::store::Store;

/// The place of complete content.
pub(crate) enum Content<P> {
    File(StagedFile),
    /// In memory. The job that publishes it also writes it.
    Block(Block<P>),
    /// Only hashed, because the file system refused the write. An existing object may still match.
    Refused(Error),
}

/// Complete content, ready to be published. Dropping it leaves no file behind.
pub struct Staged<P: AsRef<[u8]> + Send + Sync + 'static> {
    engine: &'static Engine,
    store: Arc<Store>,
    content: Option<Content<P>>,
    digest: ContentDigest,
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> Staged<P> {
    pub(crate) fn new(
        engine: &'static Engine,
        store: Arc<Store>,
        content: Content<P>,
        digest: ContentDigest,
    ) -> Self {
        Self { engine, store, content: Some(content), digest }
    }

    /// Returns the size and the hashes.
    #[must_use]
    pub fn digest(&self) -> &ContentDigest {
        &self.digest
    }

    /// Checks the content against the expected digest and publishes it.
    ///
    /// `done` receives the lent chunks as well, so that the caller can drop them on its own thread.
    pub fn publish(
        mut self,
        publication: Publication,
        done: impl FnOnce(Result<Published>, Option<Vec<Arc<P>>>) + Send + 'static,
    ) {
        if !self.engine.is_current() {
            return done(Err(Error::Forked), None);
        }
        let (engine, store) = (self.engine, Arc::clone(&self.store));
        let digest = std::mem::take(&mut self.digest);
        match self.content.take() {
            Some(Content::File(file)) => publish_file(engine, store, file, digest, publication, done),
            Some(Content::Block(block)) => {
                let stage = move |store: &Store, block: &Block<P>, publication: &Publication| {
                    let hash = |algorithms: &[_]| Ok(ContentDigest::of(algorithms, block.parts()));
                    check(&publication.expected, &digest, hash)?;
                    Small::stage(store, block.parts(), publication)
                };
                let _ = write_small(engine, store, block, stage, publication, |result, block| {
                    let mut chunks = Vec::new();
                    block.recycle(&engine.slabs, |used| chunks = used);
                    done(result, Some(chunks));
                });
            }
            Some(Content::Refused(refused)) => engine.spawn(move || {
                engine.publish(store.durable(), move || {
                    let result = guarded(|| {
                        check(&publication.expected, &digest, |_| Err(refused.clone()))?;
                        publish_unstaged(&store, &publication, refused)
                    });
                    done(result, None);
                });
            }),
            None => engine.spawn(|| done(Err(Error::Closed("the content was published already")), None)),
        }
    }
}

fn publish_file<P>(
    engine: &'static Engine,
    store: Arc<Store>,
    mut file: StagedFile,
    digest: ContentDigest,
    publication: Publication,
    done: impl FnOnce(Result<Published>, Option<Vec<Arc<P>>>) + Send + 'static,
) {
    engine.spawn(move || {
        engine.publish(store.durable(), move || {
            let result = guarded(|| {
                check(&publication.expected, &digest, |algorithms| {
                    hash_open_file(file.file(), file.path(), digest.size, algorithms)
                })?;
                publish(&store, None, &mut file, &publication)
            });
            // Closed before `done`, so that the space of an unpublished file is free by then.
            drop(file);
            done(result, None);
        });
    });
}

/// Refuses content whose digest is not the expected one.
///
/// Calls `hash` for an algorithm that was not computed during the write: the name determines the algorithm,
/// and it may be known only at the end.
fn check(
    expected: &Expected,
    digest: &ContentDigest,
    hash: impl FnOnce(&[Algorithm]) -> Result<ContentDigest>,
) -> Result<()> {
    let is_hashed = expected.hash.as_ref().is_none_or(|(algorithm, _)| digest.has(*algorithm));
    if is_hashed || digest.size != expected.size {
        return expected.check(digest);
    }
    expected.check(&hash(&expected.algorithms())?)
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> Drop for Staged<P> {
    fn drop(&mut self) {
        if let Some(Content::File(file)) = self.content.take().filter(|_| self.engine.is_current()) {
            // Closing a large file takes milliseconds, so a worker does it.
            self.engine.spawn(move || drop(file));
        }
    }
}
