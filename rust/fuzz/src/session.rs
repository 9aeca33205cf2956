//! A stream being written, beside what it has to say.

use std::sync::{Arc, mpsc};

use laboxide_core::Engine;
use laboxide_core::digest::{Algorithm, ContentDigest};
use laboxide_core::store::Store;
use laboxide_core::write::{Flow, Staged, StreamWriter};
use laboxide_core::{Error, Result};

use crate::{Script, algorithms, answer, digest, painted};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Taken,
    Aborted,
}

/// A stream that is fed with painted content.
pub struct Session {
    writer: StreamWriter<Vec<u8>>,
    algorithms: Vec<Algorithm>,
    colour: u8,
    fed: usize,
    state: State,
    /// The end that was not awaited.
    ending: Option<mpsc::Receiver<Result<()>>>,
}

impl Session {
    /// A new stream to `store`.
    pub fn begin(script: &mut Script<'_>, store: &Arc<Store>) -> Self {
        let algorithms = algorithms(script);
        let writer = StreamWriter::new(
            Engine::current().expect("threads"),
            Some(Arc::clone(store)),
            algorithms.clone(),
        );
        let colour = script.choice(251);
        Self { writer, algorithms, colour, fed: 0, state: State::Open, ending: None }
    }

    /// What was fed.
    #[must_use]
    pub fn content(&self) -> &'static [u8] {
        painted(self.colour, self.fed)
    }

    /// The algorithm that it is hashed with first.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithms[0]
    }

    fn digest(&self) -> ContentDigest {
        digest(&self.algorithms, self.content())
    }

    /// Feeds up to `most` bytes and tells how many.
    pub fn feed(&mut self, script: &mut Script<'_>, most: usize) -> usize {
        let copied = script.flag();
        let patient = script.choice(4) > 0;
        let chunk = &painted(self.colour, self.fed + script.size().min(most))[self.fed..];
        let flow = if copied { self.writer.feed_copy(chunk) } else { self.writer.feed(chunk.to_vec()) };
        if self.state != State::Open {
            assert!(matches!(flow, Err(Error::Closed(_))), "fed after the end: {flow:?}");
            return 0;
        }
        self.fed += chunk.len();
        if flow.expect("open") == Flow::Full && patient {
            answer(|done| self.writer.room(done).expect("open")).expect("room");
        }
        chunk.len()
    }

    /// Asks for the digest so far.
    pub fn look(&self) {
        match self.writer.digest() {
            Ok(digest) => assert!(digest == self.digest(), "{digest:?} is not {:?}", self.digest()),
            Err(error) => assert!(self.state == State::Aborted, "no digest: {error}"),
        }
    }

    /// Ends the stream, and waits for that or not.
    pub fn finish(&mut self, awaited: bool) {
        let (sender, receiver) = mpsc::channel();
        let ended = self.writer.finish(move |result| {
            // Whoever has left needs no answer.
            let _ = sender.send(result);
        });
        if self.state != State::Open {
            return assert!(matches!(ended, Err(Error::Closed(_))), "ended twice: {ended:?}");
        }
        self.state = State::Ended;
        match ended.expect("open") {
            Some(digest) => assert!(digest == self.digest(), "{digest:?} is not {:?}", self.digest()),
            None => self.ending = Some(receiver),
        }
        if awaited {
            self.await_end().expect("written");
        }
    }

    fn await_end(&mut self) -> Result<()> {
        self.ending.take().map_or(Ok(()), |ending| ending.recv().expect("every end is told"))
    }

    /// What was written, if it is there to be had.
    pub fn take(&mut self) -> Option<Staged<Vec<u8>>> {
        let ended = self.await_end();
        let staged = self.writer.take_staged();
        if self.state != State::Ended {
            assert!(matches!(staged.map(drop), Err(Error::Closed(_))), "taken twice, or unfinished");
            return None;
        }
        ended.expect("written");
        self.state = State::Taken;
        let staged = staged.expect("ended");
        assert!(*staged.digest() == self.digest());
        Some(staged)
    }

    /// Stops it. That the end is told all the same is seen when the session is dropped.
    pub fn abort(&mut self) {
        self.writer.abort();
        // The end that was not awaited may still come, and may have come.
        let _ = self.await_end();
        self.state = State::Aborted;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.abort();
    }
}
