//! Writing content that is in memory as a whole: up to one block in a single job, larger data in a pass.

use std::sync::Arc;

use super::{Publication, Published, publish, publish_unstaged};
use crate::digest::ContentDigest;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fs::directories::Directory;
use crate::fs::kind::preallocate;
use crate::fs::staged::StagedFile;
use crate::memory::slab::BLOCK;
use crate::pass::{Destination, Pass, Source};
use crate::runtime::cancel::CancelToken;
use crate::runtime::open_files::Permit;
use crate::runtime::pool::guarded;
use crate::store::Store;

/// The size up to which writing takes no longer than creating the file.
const BRIEF: u64 = 64 << 10;

/// A small staged file, created in its final directory if that exists.
pub(crate) struct Small {
    parent: Option<Box<dyn Directory>>,
    file: StagedFile,
}

impl Small {
    pub(crate) fn stage<'a>(
        store: &Store,
        parts: impl Iterator<Item = &'a [u8]>,
        publication: &Publication,
    ) -> Result<Self> {
        let parent = store.open_parent(&publication.key)?;
        let file = store.stage_in(parent.as_deref())?;
        file.write(0, parts)?;
        Ok(Self { parent, file })
    }
}

/// Stages `content` with `stage` and publishes it. Returns whether the job is brief.
///
/// `done` receives the content with the result.
pub(crate) fn write_small<C: Send + 'static>(
    engine: &'static Engine,
    store: Arc<Store>,
    content: C,
    stage: impl FnOnce(&Store, &C, &Publication) -> Result<Small> + Send + 'static,
    publication: Publication,
    done: impl FnOnce(Result<Published>, C) + Send + 'static,
) -> bool {
    let (durable, brief) = (store.durable(), publication.expected.size <= BRIEF);
    let write = move |permit: Option<Permit>| {
        let small = match guarded(|| stage(&store, &content, &publication)) {
            Err(error) if !error.is_create_refused() => return done(Err(error), content),
            result => result,
        };
        engine.publish(durable, move || {
            let result = guarded(|| match small {
                Ok(Small { parent, mut file }) => publish(&store, parent, &mut file, &publication),
                Err(refused) => publish_unstaged(&store, &publication, refused),
            });
            drop(permit);
            done(result, content);
        });
    };
    match (durable, brief) {
        // The file stays open until its fsync returns, and so may any number of others: it needs a permit.
        (true, _) => engine.spawn_passing(|permit| write(Some(permit))),
        (false, true) => engine.pool.spawn_short(|| write(None)),
        (false, false) => engine.spawn(|| write(None)),
    }
    brief && !durable
}

/// Writes `data` and publishes it, in one job if it is small.
///
/// If a hash is expected, the data is checked against it first. `done` receives the data with the result.
/// Returns whether the job is brief.
pub fn write_blob<P: AsRef<[u8]> + Send + Sync + 'static>(
    engine: &'static Engine,
    store: Arc<Store>,
    data: P,
    publication: Publication,
    cancel: CancelToken,
    done: impl FnOnce(Result<Published>, Arc<P>) + Send + 'static,
) -> bool {
    let data = Arc::new(data);
    if (*data).as_ref().len() > BLOCK {
        engine.spawn_passing(move |permit| {
            write_large(engine, store, data, publication, permit, cancel, done);
        });
        return false;
    }
    let stage = |store: &Store, data: &Arc<P>, publication: &Publication| {
        let part = std::iter::once((**data).as_ref());
        let expected = &publication.expected;
        expected.check(&ContentDigest::of(&expected.algorithms(), part.clone()))?;
        Small::stage(store, part, publication)
    };
    write_small(engine, store, data, stage, publication, done)
}

fn write_large<P: AsRef<[u8]> + Send + Sync + 'static>(
    engine: &'static Engine,
    store: Arc<Store>,
    data: Arc<P>,
    publication: Publication,
    permit: Permit,
    cancel: CancelToken,
    done: impl FnOnce(Result<Published>, Arc<P>) + Send + 'static,
) {
    let size = (*data).as_ref().len() as u64;
    let staged = guarded(|| {
        cancel.check()?;
        stage_for(&store, size)
    });
    let staged = match staged {
        Ok(staged) => staged.with_permit(permit),
        Err(error) => return publish_refused(engine, &store, data, publication, cancel, error, done),
    };
    pass_over(&data, Destination::Staged(staged), &publication, cancel.clone()).start(
        engine,
        move |passed| {
            let written = guarded(|| {
                let (digest, file) = passed?.into_staged()?;
                publication.expected.check(&digest)?;
                Ok(file)
            });
            let mut file = match written {
                Ok(file) => file,
                Err(error) => return publish_refused(engine, &store, data, publication, cancel, error, done),
            };
            engine.publish(store.durable(), move || {
                let result = guarded(|| publish(&store, None, &mut file, &publication));
                drop(file);
                done(result, data);
            });
        },
    );
}

/// Returns the pass over all of `data`.
fn pass_over<P: AsRef<[u8]> + Send + Sync + 'static>(
    data: &Arc<P>,
    destination: Destination,
    publication: &Publication,
    cancel: CancelToken,
) -> Pass {
    Pass {
        source: Source::Memory(Arc::<P>::clone(data)),
        destination,
        size: (**data).as_ref().len() as u64,
        algorithms: publication.expected.algorithms(),
        cancel,
    }
}

/// Publishes data that could not be written, if the object exists already.
///
/// The failed write did not hash the data, so another pass does.
fn publish_refused<P: AsRef<[u8]> + Send + Sync + 'static>(
    engine: &'static Engine,
    store: &Store,
    data: Arc<P>,
    publication: Publication,
    cancel: CancelToken,
    refused: Error,
    done: impl FnOnce(Result<Published>, Arc<P>) + Send + 'static,
) {
    let found = guarded(|| publish_unstaged(store, &publication, refused));
    if found.is_err() {
        return done(found, data);
    }
    pass_over(&data, Destination::Nowhere, &publication, cancel).start(engine, move |passed| {
        let checked = guarded(|| publication.expected.check(&passed?.digest));
        done(checked.and(found), data);
    });
}

/// Returns a staged file, with its space reserved where that is faster.
pub(crate) fn stage_for(store: &Store, size: u64) -> Result<StagedFile> {
    let staged = store.stage()?;
    if size > BLOCK as u64 && store.file_system().preallocates {
        preallocate(staged.file(), 0, size);
    }
    Ok(staged)
}
