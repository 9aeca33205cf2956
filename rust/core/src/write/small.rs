//! Content of at most one block: a single job writes and publishes it.

use std::sync::Arc;

use super::{Publication, Published, publish_in, publish_unstaged};
use crate::engine::Engine;
use crate::error::Result;
use crate::fs::directories::Directory;
use crate::fs::staged::StagedFile;
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

    fn publish(mut self, store: &Store, publication: &Publication) -> Result<Published> {
        publish_in(store, self.parent, &mut self.file, publication)
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
                Ok(small) => small.publish(&store, &publication),
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
