//! The object that a stream is read from: opened when it is needed, and again after it was given up.

use std::path::PathBuf;
use std::sync::Mutex;

use crate::digest::Expected;
use crate::error::{Error, Result};
use crate::fs::stat::FileStat;
use crate::runtime::pool::guarded;
use crate::runtime::sync::lock;
use crate::store::Object;

pub(super) type Open = Box<dyn Fn() -> Result<Object> + Send + Sync>;

pub(super) struct Opened {
    open: Open,
    state: Mutex<ObjectState>,
}

enum ObjectState {
    NotYet,
    /// And what it was when it was opened by its name, if it was.
    Open(Result<(Object, Option<FileStat>)>),
    /// Closed for the sake of others, and what it was.
    GivenUp(PathBuf, FileStat),
    Closed,
}

impl Opened {
    pub(super) fn new(open: Open) -> Self {
        Self { open, state: Mutex::new(ObjectState::NotYet) }
    }

    /// Of an object that is open. It is never opened again: what is under its name may be another.
    pub(super) fn of(object: Object) -> Self {
        let open = || Err(Error::Closed("the object was given up"));
        Self { open: Box::new(open), state: Mutex::new(ObjectState::Open(Ok((object, None)))) }
    }

    /// The object, opened by whichever worker is first.
    pub(super) fn get(&self, expected: &Expected) -> Result<Object> {
        let mut state = lock(&self.state);
        match &*state {
            ObjectState::NotYet => *state = ObjectState::Open(guarded(|| self.open_first(expected))),
            ObjectState::GivenUp(_, seen) => *state = ObjectState::Open(guarded(|| self.open_again(seen))),
            ObjectState::Open(_) | ObjectState::Closed => {}
        }
        match &*state {
            ObjectState::Open(result) => result.clone().map(|(object, _)| object),
            _ => Err(Error::Closed("the stream is closed")),
        }
    }

    fn open_first(&self, expected: &Expected) -> Result<(Object, Option<FileStat>)> {
        let object = (self.open)()?;
        let seen = object.check_size(expected)?;
        Ok((object, Some(seen)))
    }

    fn open_again(&self, seen: &FileStat) -> Result<(Object, Option<FileStat>)> {
        let object = (self.open)()?;
        if object.stat()?.is_same_object(seen) {
            return Ok((object, Some(*seen)));
        }
        Err(Error::corrupt(&object.path, &"the file that was opened first", &"another in its place"))
    }

    /// Lets go of the file until it is needed again. Asks the file system nothing: the loop's thread may
    /// be waiting for the locks that are held meanwhile.
    pub(super) fn give_up(&self) -> Option<Object> {
        let mut state = lock(&self.state);
        let ObjectState::Open(Ok((object, Some(seen)))) = &*state else { return None };
        let given_up = ObjectState::GivenUp(object.path.clone(), *seen);
        let ObjectState::Open(opened) = std::mem::replace(&mut *state, given_up) else { return None };
        opened.ok().map(|(object, _)| object)
    }

    pub(super) fn close(&self) {
        *lock(&self.state) = ObjectState::Closed;
    }

    /// Where it is, if it was ever open.
    pub(super) fn path(&self) -> PathBuf {
        match &*lock(&self.state) {
            ObjectState::Open(Ok((object, _))) => object.path.clone(),
            ObjectState::GivenUp(path, _) => path.clone(),
            _ => PathBuf::new(),
        }
    }
}
