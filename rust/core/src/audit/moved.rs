//! What audits have moved aside, until somebody is told.

use std::path::PathBuf;
use std::sync::{Mutex, TryLockError};

use super::Finding;
use crate::error::Result;
use crate::runtime::sync::lock;

/// Findings that were moved aside. What comes of a round is lost with who waited for it, and what was
/// moved aside is not found again.
#[derive(Default)]
pub struct Moved {
    findings: Mutex<Vec<Finding>>,
}

impl Moved {
    /// Takes what is there, without waiting: what is being moved at this moment comes later.
    pub fn take(&self) -> Vec<Finding> {
        match self.findings.try_lock() {
            Ok(mut findings) => std::mem::take(&mut findings),
            Err(TryLockError::Poisoned(findings)) => std::mem::take(&mut findings.into_inner()),
            Err(TryLockError::WouldBlock) => Vec::new(),
        }
    }

    /// Moves an object aside and takes note of that, in one step for whoever comes later.
    pub(super) fn note(
        &self,
        finding: &mut Finding,
        move_aside: impl FnOnce() -> Result<Option<PathBuf>>,
    ) -> Result<()> {
        let mut findings = lock(&self.findings);
        finding.moved_to = move_aside()?;
        if finding.moved_to.is_some() {
            findings.push(finding.clone());
        }
        Ok(())
    }

    /// Waits for a move of an earlier round for which nobody waits any more.
    pub(super) fn settle(&self) {
        drop(lock(&self.findings));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Problem;
    use crate::store::Key;

    fn unmoved() -> Finding {
        let (expected, actual) = (String::new(), String::new());
        let key = Key::parse("a").expect("a key");
        Finding { key, problem: Problem::Corrupt, expected, actual, moved_to: None }
    }

    #[test]
    fn what_was_moved_is_noted_and_told_once() {
        let (moved, mut finding) = (Moved::default(), unmoved());
        moved.note(&mut finding, || Ok(None)).expect("nothing fails");
        assert!(moved.take().is_empty());
        moved.note(&mut finding, || Ok(Some(PathBuf::from("aside")))).expect("nothing fails");
        let told: Vec<_> = moved.take().into_iter().map(|told| (told.key, told.moved_to)).collect();
        assert_eq!(told, [(finding.key, Some(PathBuf::from("aside")))]);
        assert!(moved.take().is_empty());
    }

    #[test]
    fn who_asks_during_a_move_does_not_wait_for_it() {
        let (moved, mut finding) = (Moved::default(), unmoved());
        let during = || {
            assert!(moved.take().is_empty());
            Ok(Some(PathBuf::from("aside")))
        };
        moved.note(&mut finding, during).expect("nothing fails");
        assert_eq!(moved.take().len(), 1);
    }
}
