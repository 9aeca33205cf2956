//! Content that is complete: published as it is, or written first.

use std::sync::Arc;

use super::block::Block;
use super::{Publication, Published, StagedFile, publish, publish_in};
use crate::cancel::CancelToken;
use crate::digest::ContentDigest;
use crate::error::{Error, Result};
use crate::fs::reserve;
use crate::io;
use crate::pass::{Pass, Sink, Source};
use crate::pool::{Engine, guarded};
use crate::slab::BLOCK;
use crate::store::Store;

/// Writing this much takes no longer than making the file does.
const BRIEF: usize = 64 << 10;

/// Where complete content is.
pub(crate) enum Content<P> {
    File(StagedFile),
    /// Small enough to be written by the job that publishes it.
    Block(Block<P>),
}

/// Complete content with its digest, waiting for its name. Dropped, it leaves nothing.
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

    /// The size and the hashes.
    #[must_use]
    pub fn digest(&self) -> &ContentDigest {
        &self.digest
    }

    /// Publishes the content, after checking that it is what is expected. The chunks that it held
    /// come back with the result, to be dropped where they belong.
    pub fn publish<D>(mut self, publication: Publication, done: D)
    where
        D: FnOnce(Result<Published>, Option<Vec<Arc<P>>>) + Send + 'static,
    {
        let (engine, store) = (self.engine, Arc::clone(&self.store));
        let content = self.content.take();
        let checked = publication.expected.check_given(&self.digest);
        engine.spawn(move || match content {
            Some(Content::File(mut file)) => {
                let result = guarded(|| {
                    checked?;
                    publish(&store, &mut file, &publication)
                });
                drop(file);
                done(result, None);
            }
            Some(Content::Block(block)) => {
                let result = guarded(|| {
                    checked?;
                    write_and_publish(&store, block.parts(), &publication)
                });
                let mut chunks = Vec::new();
                block.recycle(&engine.slabs, |used| chunks = used);
                done(result, Some(chunks));
            }
            None => done(Err(Error::Closed("the content is published")), None),
        });
    }
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> Drop for Staged<P> {
    fn drop(&mut self) {
        if let Some(Content::File(file)) = self.content.take().filter(|_| self.engine.is_current()) {
            // Closing a large file takes milliseconds: not on the loop's thread.
            self.engine.spawn(move || drop(file));
        }
    }
}

/// Writes what fits into a block, right in the directory where it is published.
fn write_and_publish<'a>(
    store: &Store,
    parts: impl Iterator<Item = &'a [u8]>,
    publication: &Publication,
) -> Result<Published> {
    let parent = store.open_parent(&publication.key)?;
    let mut file = store.stage_in(parent.as_deref())?;
    io::write_all_at(file.file(), file.path(), parts, 0)?;
    publish_in(store, parent, &mut file, publication)
}

/// Writes `data` and publishes it, in one job where it is small. If a hash is expected, the data is
/// checked against it first. The data comes back with the result.
pub fn write_blob<P, D>(
    engine: &'static Engine,
    store: Arc<Store>,
    data: P,
    publication: Publication,
    cancel: CancelToken,
    done: D,
) where
    P: AsRef<[u8]> + Send + Sync + 'static,
    D: FnOnce(Result<Published>, Arc<P>) + Send + 'static,
{
    let data = Arc::new(data);
    let (size, durable) = ((*data).as_ref().len(), store.durable());
    if size > BLOCK {
        return engine.spawn(move || write_large(engine, store, data, publication, cancel, done));
    }
    let write = move || {
        let result = guarded(|| {
            let data = (*data).as_ref();
            let expected = &publication.expected;
            expected.check_given(&ContentDigest::of(&expected.algorithms(), std::iter::once(data)))?;
            write_and_publish(&store, std::iter::once(data), &publication)
        });
        done(result, data);
    };
    if size > BRIEF || durable { engine.spawn(write) } else { engine.spawn_brief(write) }
}

/// A chunk that the pass keeps alive beside its owner.
struct Kept<P>(Arc<P>);

impl<P: AsRef<[u8]>> AsRef<[u8]> for Kept<P> {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

fn write_large<P, D>(
    engine: &'static Engine,
    store: Arc<Store>,
    data: Arc<P>,
    publication: Publication,
    cancel: CancelToken,
    done: D,
) where
    P: AsRef<[u8]> + Send + Sync + 'static,
    D: FnOnce(Result<Published>, Arc<P>) + Send + 'static,
{
    let size = (*data).as_ref().len() as u64;
    let staged = match guarded(|| stage_for(&store, size)) {
        Ok(staged) => staged,
        Err(error) => return done(Err(error), data),
    };
    let pass = Pass {
        source: Source::Memory(Box::new(Kept(Arc::clone(&data)))),
        sink: Sink::Staged(staged),
        size,
        algorithms: publication.expected.algorithms(),
        cancel,
    };
    pass.start(engine, move |passed| {
        let result = guarded(|| {
            let (digest, mut file) = passed?.into_staged()?;
            publication.expected.check_given(&digest)?;
            publish(&store, &mut file, &publication)
        });
        done(result, data);
    });
}

/// A staged file with its space reserved, where that pays.
pub(crate) fn stage_for(store: &Store, size: u64) -> Result<StagedFile> {
    let staged = store.stage()?;
    if size > BLOCK as u64 && store.file_system().preallocates {
        reserve(staged.file(), 0, size);
    }
    Ok(staged)
}
