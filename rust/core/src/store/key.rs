//! Where an object lies below the root.

use super::quarantine::Aside;
use crate::error::{Error, Result, quoted};

/// The directory below a root in which temporary files are named, where they need names.
pub(crate) const STAGING: &str = ".laboxide-staging";

/// Bytes of a key. With a root before it, it has to be a path that every system takes; one that is
/// too long would be noticed when some of its directories are made already.
const LENGTH_MAX: usize = 1024;

/// A path below the root: components joined by "/", none of which leads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Accepts only what stays below the root on every platform, and is not taken for what was moved
    /// aside.
    pub fn parse(text: &str) -> Result<Self> {
        let key = Self::of_path(text)?;
        match text.split('/').find(|component| Aside::of(component).is_some()) {
            None => Ok(key),
            Some(component) => {
                let (text, component) = (quoted(text), quoted(component));
                let why = format!("{component} is a name of something that was moved aside");
                Err(Error::Invalid(format!("the key {text} is reserved: {why}")))
            }
        }
    }

    /// The same for what need not be an object: a file of the user's, or where a walk has come to.
    pub fn of_path(text: &str) -> Result<Self> {
        match too_long(text).or_else(|| text.split('/').find_map(fault)).or_else(|| reserved(text)) {
            None => Ok(Self(text.to_owned())),
            Some(fault) => {
                let shown = quoted(text);
                Err(Error::Invalid(format!("the key {shown} is not a path below the root: {fault}")))
            }
        }
    }

    /// The key as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory part, or None for an object in the root itself.
    pub(crate) fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// The last component.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }
}

fn fault(component: &str) -> Option<&'static str> {
    match component {
        "" => Some("it is empty, absolute, or has an empty component"),
        "." | ".." => Some("\".\" and \"..\" are not allowed"),
        _ if component.contains('\0') => Some("it has a NUL character"),
        _ if component.len() > 255 => Some("a component is longer than 255 bytes"),
        _ if cfg!(windows) && component.contains(['\\', ':']) => Some("it has a \"\\\" or \":\""),
        _ => None,
    }
}

fn too_long(text: &str) -> Option<&'static str> {
    (text.len() > LENGTH_MAX).then_some("it is longer than 1024 bytes")
}

fn reserved(text: &str) -> Option<&'static str> {
    let first = text.split('/').next().unwrap_or_default();
    // Also on file systems that do not tell cases apart ("\u{17f}" is an "s" there, too), or that leave
    // invisible characters out when they compare.
    let visible = first.chars().filter(|c| c.is_ascii() || c.is_alphanumeric());
    let folded = visible.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.eq(STAGING.chars()).then_some("the directory is reserved for temporary files")
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
    fn names_of_what_was_moved_aside_are_in_no_key() {
        let long = "f".repeat(64);
        for aside in [Aside::Displaced, Aside::Quarantined] {
            for name in [aside.name("a"), aside.name(&long), format!("a{}", aside.name(""))] {
                for key in [name.clone(), format!("{name}/a"), format!("a/{name}/a"), format!("a/{name}")] {
                    let told = Key::parse(&key).expect_err(&key).to_string();
                    assert!(told.contains(&quoted(&key)) && told.contains(&quoted(&name)), "{told}");
                    assert!(Key::of_path(&key).is_ok(), "{key}");
                }
            }
        }
        for good in ["a.corrupt-notes", "a.corrupt-1", "a.displaced-1-2.txt", "a.corrupt-1-/2", "1-2"] {
            assert!(Key::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_key_splits_at_its_last_component() {
        let key = Key::parse("a/b/c").expect("valid");
        assert_eq!((key.parent(), key.name()), (Some("a/b"), "c"));
        let key = Key::parse("c").expect("valid");
        assert_eq!((key.parent(), key.name()), (None, "c"));
    }
}
