//! Validated paths of objects below a root.

use super::quarantine::Quarantine;
use crate::error::{Error, Result, quoted};

/// The directory below a root for temporary files, where they need names.
pub(crate) const STAGING: &str = ".laboxide-staging";

/// The maximum size of a key in bytes.
///
/// Root and key together must fit the path limit of every platform. A key that is too long would otherwise
/// fail only after some of its directories were created.
const LENGTH_MAX: usize = 1024;

/// A path below the root: components joined by "/", without "." and "..".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Parses the key of an object: a path below the root that is no quarantine name.
    pub fn parse(text: &str) -> Result<Self> {
        let key = Self::of_path(text)?;
        match text.split('/').find(|component| Quarantine::of(component).is_some()) {
            None => Ok(key),
            Some(component) => {
                let problem = format!("component reserved for quarantined files: {}", quoted(component));
                Err(Error::Invalid(format!("invalid key: {problem} in {}", quoted(text))))
            }
        }
    }

    /// Parses any path below the root: a file of the user, or the position of a listing.
    pub fn of_path(text: &str) -> Result<Self> {
        let problem = length_problem(text).or_else(|| text.split('/').find_map(component_problem));
        match problem.or_else(|| reserved_problem(text)) {
            None => Ok(Self(text.to_owned())),
            Some(problem) => Err(Error::Invalid(format!("invalid key: {problem}: {}", quoted(text)))),
        }
    }

    /// Returns the key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the directory part, or None for an object directly below the root.
    pub(crate) fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// Returns the last component.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }
}

fn component_problem(component: &str) -> Option<&'static str> {
    match component {
        "" => Some("empty, absolute, or with an empty component"),
        "." | ".." => Some("\".\" and \"..\" are not allowed"),
        _ if component.contains('\0') => Some("NUL character"),
        _ if component.len() > 255 => Some("component longer than 255 bytes"),
        _ if cfg!(windows) && component.contains(['\\', ':']) => Some("\"\\\" and \":\" are not allowed"),
        _ => None,
    }
}

fn length_problem(text: &str) -> Option<&'static str> {
    (text.len() > LENGTH_MAX).then_some("longer than 1024 bytes")
}

fn reserved_problem(text: &str) -> Option<&'static str> {
    let first = text.split('/').next().unwrap_or_default();
    // Covers file systems that ignore case (where "\u{17f}" equals "s") or invisible characters.
    let visible = first.chars().filter(|c| c.is_ascii() || c.is_alphanumeric());
    let folded = visible.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.eq(STAGING.chars()).then_some("directory reserved for temporary files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_root_are_keys() {
        for good in ["a", "a/b/c", "blake3/ab/abcd", "ключ/日本", "a b", "..a", "a..", "~", "%2e%2e"] {
            assert!(Key::parse(good).is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/..",
            "a/../b",
            "./a",
            "a\0b",
            ".laboxide-Staging/x",
            ".laboxide-\u{17f}taging/x",
            ".laboxide-stag\u{ad}ing/x",
            ".laboxide-\u{fb06}aging/x",
            ".labox\u{131}de-staging/x",
            ".laboxide-Staging\u{38b}/x",
        ] {
            assert!(Key::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Key::parse(&"a".repeat(256)).is_err());
        assert!(Key::parse(&"a/".repeat(512)[..1023]).is_ok());
        assert!(Key::parse(&"a/".repeat(513)[..1025]).is_err());
    }

    #[test]
    fn quarantine_names_are_refused_as_keys() {
        let long = "f".repeat(64);
        for quarantine in Quarantine::ALL {
            for name in [quarantine.name("a"), quarantine.name(&long), format!("a{}", quarantine.name(""))] {
                for key in [name.clone(), format!("{name}/a"), format!("a/{name}/a"), format!("a/{name}")] {
                    let error = Key::parse(&key).expect_err(&key).to_string();
                    assert!(error.contains(&quoted(&key)) && error.contains(&quoted(&name)), "{error}");
                    assert!(Key::of_path(&key).is_ok(), "{key}");
                }
            }
        }
        for good in ["a.corrupt-notes", "a.corrupt-1", "a.displaced-1-2.txt", "a.corrupt-1-/2", "1-2"] {
            assert!(Key::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn key_splits_at_last_component() {
        let key = Key::parse("a/b/c").expect("valid");
        assert_eq!((key.parent(), key.name()), (Some("a/b"), "c"));
        let key = Key::parse("c").expect("valid");
        assert_eq!((key.parent(), key.name()), (None, "c"));
    }
}
