//! Fuzzes the parsers of keys, algorithms, hashes and link names.
#![no_main]

use std::path::{Component, Path, PathBuf};
use std::str::FromStr as _;
use std::sync::LazyLock;

use laboxide_core::Error;
use laboxide_core::digest::{Algorithm, hex};
use laboxide_core::store::{Key, Store};
use laboxide_core::transfer::Link;
use libfuzzer_sys::fuzz_target;

/// Two empty stores in a directory with a secret file, which no key may reach.
static STORES: LazyLock<[Store; 2]> = LazyLock::new(|| {
    let outside = tempfile::tempdir().expect("a directory").keep();
    std::fs::write(outside.join("secret"), b"secret").expect("written");
    [false, true].map(|portable| {
        let root = outside.join(portable.to_string());
        std::fs::create_dir(&root).expect("a directory");
        Store::new(root, false, portable)
    })
});

fuzz_target!(|text: &str| {
    check_key(text);
    check_algorithm(text);
    check_hash(text);
    let known = matches!(text, "auto" | "reflink" | "hardlink" | "copy");
    assert_eq!(Link::from_str(text).is_ok(), known);
});

fn check_key(text: &str) {
    let Ok(key) = Key::parse(text) else { return assert!(!is_below(text), "{text:?} must not be a key") };
    assert!(is_below(text), "{text:?} must be a key");
    assert_eq!(key.as_str(), text);
    for store in &*STORES {
        match store.open(&key) {
            Err(Error::Missing { .. }) => {}
            // ENAMETOOLONG: the system limits the length of a path.
            Err(Error::Io { source, .. }) => assert_eq!(source.raw_os_error(), Some(36), "{text:?}"),
            other => panic!("{text:?} leads to {other:?}"),
        }
    }
}

/// Returns true if `text` must be a key: a normalised relative path with no name that the store reserves.
///
/// An independent implementation, based on the path components of the standard library.
fn is_below(text: &str) -> bool {
    let names = Path::new(text).components().map(|component| match component {
        Component::Normal(name) => name.to_str().filter(|name| name.len() < 256),
        _ => None,
    });
    let Some(names) = names.collect::<Option<Vec<_>>>() else { return false };
    let is_normalised = names.iter().collect::<PathBuf>().as_os_str() == text;
    let is_reserved_suffix =
        |name: &&str| is_set_aside(name, ".corrupt-") || is_set_aside(name, ".displaced-");
    is_normalised
        && names.first().is_some_and(|name| !is_reserved(name))
        && !names.iter().any(is_reserved_suffix)
        && !text.contains('\0')
}

/// Returns true if some file system takes `name` for the staging directory.
///
/// File systems may ignore case, expand ligatures, and ignore other characters than letters and digits.
fn is_reserved(name: &str) -> bool {
    let folded = name.replace('\u{17f}', "s").replace('\u{131}', "i").replace(['\u{fb05}', '\u{fb06}'], "st");
    let visible: String = folded.chars().filter(|c| c.is_ascii() || c.is_alphanumeric()).collect();
    visible.eq_ignore_ascii_case(".laboxide-staging")
}

/// Returns true if a name ends with `mark` and two hexadecimal numbers, separated by "-".
fn is_set_aside(name: &str, mark: &str) -> bool {
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let before_number = |text: &str| {
        let rest = text.trim_end_matches(is_digit);
        (rest.len() < text.len()).then(|| rest.to_owned())
    };
    let process = before_number(name).and_then(|rest| rest.strip_suffix('-').map(str::to_owned));
    process.and_then(|rest| before_number(&rest)).is_some_and(|rest| rest.ends_with(mark))
}

fn check_algorithm(text: &str) {
    match Algorithm::from_str(text) {
        Ok(algorithm) => assert_eq!(algorithm.name(), text),
        Err(error) => {
            assert!(!["blake3", "sha256"].contains(&text));
            assert!(matches!(error, Error::Invalid(_)));
        }
    }
}

fn check_hash(text: &str) {
    for algorithm in Algorithm::ALL {
        let bytes: Option<Vec<u8>> = (0..text.len())
            .step_by(2)
            .map(|at| text.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()))
            .collect();
        // The round trip rejects capitals, signs and half bytes.
        let is_hash = bytes.is_some_and(|bytes| bytes.len() == 32 && hex(&bytes) == text);
        assert_eq!(algorithm.check_hash(text).is_ok(), is_hash, "{text:?}");
    }
}
