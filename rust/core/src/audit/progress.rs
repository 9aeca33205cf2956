//! What a round has seen to.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::Round;
use super::look::Verdict;
use crate::error::{Error, Result};
use crate::runtime::sync::lock;

/// What has come of the objects of one round. Who cannot wait for its end takes from here what there is.
#[derive(Default)]
pub struct Progress {
    outcome: Mutex<Outcome>,
}

#[derive(Default)]
struct Outcome {
    /// By the index of the object.
    seen: BTreeMap<usize, Verdict>,
    /// Why the first of the others, in time, could not be seen to or was given up.
    error: Option<Error>,
}

impl Progress {
    /// What was seen to before the first object that was not, or was moved aside: of those
    /// [`Moved`](super::Moved) tells, once.
    pub fn so_far(&self) -> Round {
        let outcome = lock(&self.outcome);
        outcome.up_to(outcome.first(Verdict::is_moved))
    }

    /// Whether something is bad before the first object that was not seen to.
    pub(super) fn has_findings(&self) -> bool {
        let outcome = lock(&self.outcome);
        outcome.first(Verdict::is_bad) < outcome.first(|_| false)
    }

    pub(super) fn add(&self, index: usize, verdict: Result<Verdict>) {
        let mut outcome = lock(&self.outcome);
        match verdict {
            Ok(verdict) => drop(outcome.seen.insert(index, verdict)),
            Err(error) => _ = outcome.error.get_or_insert(error),
        }
    }

    /// What came of it when all that was taken is seen to, or given up. An error is left for the next
    /// round, which comes upon it again, if there is anything to tell. Of what comes after the first
    /// object that is undone only what was moved is told: the rest is seen to again.
    pub(super) fn end(&self) -> Result<Round> {
        let outcome = lock(&self.outcome);
        let mut round = outcome.up_to(outcome.first(|_| false));
        for (_, verdict) in outcome.seen.range(round.done..) {
            if verdict.is_moved() {
                round.count(verdict);
            }
        }
        match &outcome.error {
            Some(error) if round.findings.is_empty() => Err(error.clone()),
            _ => Ok(round),
        }
    }
}

impl Outcome {
    /// The index of the first object that was not seen to, or is such.
    fn first(&self, is_such: impl Fn(&Verdict) -> bool) -> usize {
        let in_turn = self.seen.iter().enumerate().take_while(|(turn, (index, _))| turn == *index);
        in_turn.take_while(|(_, (_, verdict))| !is_such(verdict)).count()
    }

    fn up_to(&self, done: usize) -> Round {
        let mut round = Round { done, ..Round::default() };
        self.seen.range(..done).for_each(|(_, verdict)| round.count(verdict));
        round
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::audit::{Finding, Problem};
    use crate::store::Key;

    fn bad(key: &str, moved_to: Option<&str>) -> Verdict {
        let (expected, actual) = (String::new(), String::new());
        let (key, moved_to) = (Key::parse(key).expect("a key"), moved_to.map(PathBuf::from));
        Verdict::Bad(Finding { key, problem: Problem::Corrupt, expected, actual, moved_to })
    }

    fn told(round: &Round) -> (usize, usize, u64, Vec<&str>) {
        let keys = round.findings.iter().map(|finding| finding.key.as_str());
        (round.done, round.looked_at, round.bytes, keys.collect())
    }

    #[test]
    fn an_error_takes_nothing_away_that_was_moved() {
        let progress = Progress::default();
        progress.add(4, Ok(bad("e", Some("aside"))));
        progress.add(3, Ok(bad("d", None)));
        progress.add(2, Err(Error::Closed("on purpose")));
        progress.add(1, Ok(Verdict::Sound(10)));
        progress.add(0, Ok(bad("a", None)));
        let round = progress.end().expect("there is something to tell");
        assert_eq!(told(&round), (2, 2 + 1, 10, vec!["a", "e"]));
    }

    #[test]
    fn of_several_errors_the_first_is_told() {
        let progress = Progress::default();
        progress.add(1, Err(Error::Closed("on purpose")));
        progress.add(0, Err(Error::Cancelled));
        assert!(matches!(progress.end(), Err(Error::Closed("on purpose"))));
    }

    #[test]
    fn what_was_seen_to_is_told_up_to_what_was_not() {
        let progress = Progress::default();
        assert_eq!(told(&progress.so_far()), (0, 0, 0, vec![]));
        progress.add(4, Ok(Verdict::Sound(5)));
        progress.add(2, Ok(Verdict::Gone));
        progress.add(1, Ok(bad("b", None)));
        assert_eq!(told(&progress.so_far()), (0, 0, 0, vec![]));
        progress.add(0, Ok(Verdict::Sound(7)));
        assert_eq!(told(&progress.so_far()), (3, 2, 7, vec!["b"]));
        progress.add(3, Err(Error::Cancelled));
        assert_eq!(told(&progress.so_far()), (3, 2, 7, vec!["b"]));
    }

    #[test]
    fn a_finding_is_one_when_all_before_it_was_seen_to() {
        let progress = Progress::default();
        progress.add(2, Ok(bad("c", None)));
        progress.add(1, Ok(Verdict::Gone));
        assert!(!progress.has_findings());
        progress.add(0, Ok(Verdict::Sound(7)));
        assert!(progress.has_findings());
    }

    #[test]
    fn what_was_moved_aside_is_not_told_before_the_end() {
        let progress = Progress::default();
        progress.add(0, Ok(Verdict::Sound(7)));
        progress.add(1, Ok(bad("b", Some("aside"))));
        progress.add(2, Ok(Verdict::Sound(5)));
        assert_eq!(told(&progress.so_far()), (1, 1, 7, vec![]));
        assert_eq!(told(&progress.end().expect("no error")), (3, 3, 12, vec!["b"]));
    }
}
