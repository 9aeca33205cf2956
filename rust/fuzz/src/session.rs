//! A write stream with a model of its state.

use std::sync::{Arc, mpsc};

use laboxide_core::Engine;
use laboxide_core::digest::{Algorithm, ContentDigest};
use laboxide_core::store::Store;
use laboxide_core::write::{Flow, Staged, StreamWriter};
use laboxide_core::{Error, Result};

use crate::{Script, algorithms, digest, painted, wait};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Finished,
    Taken,
    Aborted,
}

/// A stream of painted content.
pub struct Session {
    writer: StreamWriter<Vec<u8>>,
    algorithms: Vec<Algorithm>,
    colour: u8,
    fed: usize,
    state: State,
    /// The result of a finish that was not awaited yet.
    finishing: Option<mpsc::Receiver<Result<()>>>,
}

impl Session {
    /// Starts a stream to `store`.
    pub fn begin(script: &mut Script<'_>, store: &Arc<Store>) -> Self {
        let algorithms = algorithms(script);
        let writer = StreamWriter::new(
            Engine::current().expect("threads"),
            Some(Arc::clone(store)),
            algorithms.clone(),
        );
        let colour = script.choice(251);
        Self { writer, algorithms, colour, fed: 0, state: State::Open, finishing: None }
    }

    /// Returns the content so far.
    #[must_use]
    pub fn content(&self) -> &'static [u8] {
        painted(self.colour, self.fed)
    }

    /// Returns the first of the algorithms.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithms[0]
    }

    fn digest(&self) -> ContentDigest {
        digest(&self.algorithms, self.content())
    }

    /// Feeds up to `max` bytes and returns their number.
    pub fn feed(&mut self, script: &mut Script<'_>, max: usize) -> usize {
        let copied = script.flag();
        let patient = script.choice(4) > 0;
        let chunk = &painted(self.colour, self.fed + script.size().min(max))[self.fed..];
        let flow = if copied { self.writer.feed_copy(chunk) } else { self.writer.feed(chunk.to_vec()) };
        if self.state != State::Open {
            assert!(matches!(flow, Err(Error::Closed(_))), "fed after the finish: {flow:?}");
            return 0;
        }
        self.fed += chunk.len();
        if flow.expect("open") == Flow::Full && patient {
            wait(|done| self.writer.room(done).expect("open")).expect("room");
        }
        chunk.len()
    }

    /// Checks the digest so far.
    pub fn check_digest(&self) {
        match self.writer.digest() {
            Ok(digest) => assert!(digest == self.digest(), "{digest:?} instead of {:?}", self.digest()),
            Err(error) => assert!(self.state == State::Aborted, "no digest: {error}"),
        }
    }

    /// Finishes the stream, and waits for the result if `awaited`.
    pub fn finish(&mut self, awaited: bool) {
        let (sender, receiver) = mpsc::channel();
        let finished = self.writer.finish(move |result| {
            // Fails if the session was dropped before.
            let _ = sender.send(result);
        });
        if self.state != State::Open {
            return assert!(matches!(finished, Err(Error::Closed(_))), "finished twice: {finished:?}");
        }
        self.state = State::Finished;
        match finished.expect("open") {
            Some(digest) => assert!(digest == self.digest(), "{digest:?} instead of {:?}", self.digest()),
            None => self.finishing = Some(receiver),
        }
        if awaited {
            self.await_finish().expect("written");
        }
    }

    fn await_finish(&mut self) -> Result<()> {
        self.finishing.take().map_or(Ok(()), |result| result.recv().expect("finish calls its callback"))
    }

    /// Returns the staged object. None unless the stream was finished and this is the first call.
    pub fn take(&mut self) -> Option<Staged<Vec<u8>>> {
        let finished = self.await_finish();
        let staged = self.writer.take_staged();
        if self.state != State::Finished {
            assert!(matches!(staged.map(drop), Err(Error::Closed(_))), "taken twice, or unfinished");
            return None;
        }
        finished.expect("written");
        self.state = State::Taken;
        let staged = staged.expect("finished");
        assert!(*staged.digest() == self.digest());
        Some(staged)
    }

    /// Aborts the stream. A finish that is in progress still calls its callback.
    pub fn abort(&mut self) {
        self.writer.abort();
        // The finish may have succeeded before, or fail now.
        let _ = self.await_finish();
        self.state = State::Aborted;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.abort();
    }
}
