//! The object behind a stream, opened on demand and reopened after its descriptor was given up.

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
    /// The object, and its metadata when it was opened by name. None if the caller passed it open.
    Open(Result<(Object, Option<FileStat>)>),
    /// Closed because another stream needed the permit.
    GivenUp(PathBuf, FileStat),
    Closed,
}

impl Opened {
    pub(super) fn new(open: Open) -> Self {
        Self { open, state: Mutex::new(ObjectState::NotYet) }
    }

    /// Returns the holder of an open object, which is never reopened: its name may refer to another file.
    pub(super) fn of(object: Object) -> Self {
        let open = || Err(Error::Closed("the object was given up"));
        Self { open: Box::new(open), state: Mutex::new(ObjectState::Open(Ok((object, None)))) }
    }

    /// Returns the object. The first worker that calls this opens it.
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
        Err(Error::corrupt(&object.path, &"the file opened at the start of the read", &"another file"))
    }

    /// Gives up the file until the next read, and returns it for the caller to close.
    ///
    /// Makes no system call, because the loop's thread may wait for the locks held here.
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

    /// Returns the path of the object, empty if it was never opened.
    pub(super) fn path(&self) -> PathBuf {
        match &*lock(&self.state) {
            ObjectState::Open(Ok((object, _))) => object.path.clone(),
            ObjectState::GivenUp(path, _) => path.clone(),
            _ => PathBuf::new(),
        }
    }
}
