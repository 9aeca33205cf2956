//! The other name of what may not keep its own: beside it, recognisable, and unique.

use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

/// Why something was moved aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// A directory in the place of an object: it may hold somebody's files.
    Displaced,
    /// What has the name of an object and not its content.
    Quarantined,
}

impl Aside {
    const ALL: [Self; 2] = [Self::Displaced, Self::Quarantined];

    fn mark(self) -> &'static str {
        match self {
            Self::Displaced => ".displaced-",
            Self::Quarantined => ".corrupt-",
        }
    }

    /// The other name of `name`, short enough for every file system.
    pub(crate) fn name(self, name: &str) -> String {
        let start: String = name.chars().take(40).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        format!("{start}{}{:x}-{now:x}", self.mark(), process::id())
    }

    /// Why what has this name was moved aside, if it was.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aside| {
            let numbers = name.rsplit_once(aside.mark()).and_then(|(_, numbers)| numbers.split_once('-'));
            numbers.is_some_and(|(process, time)| is_hex(process) && is_hex(time))
        })
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_why_it_was_given() {
        for aside in Aside::ALL {
            for name in ["a", &"f".repeat(64), &"\u{20ac}".repeat(85), "a.corrupt-1-2"] {
                let other = aside.name(name);
                assert!(other.len() <= 255 && other != name);
                assert_eq!(Aside::of(&other), Some(aside), "{other}");
            }
        }
    }

    #[test]
    fn no_other_name_tells_one() {
        for name in ["a", ".corrupt-", "a.corrupt-1", "a.corrupt-1-", "a.corrupt-x-1", "a.displaced-1-2.txt"]
        {
            assert_eq!(Aside::of(name), None, "{name}");
        }
    }
}
