//! The NIST test vectors of SHA-256 (FIPS 180-4), for single messages and for pairs.

use laboxide_sha256::{Sha256, update_pair};

/// Returns messages of 0, 3, 56, 112 and one million bytes, with their hashes.
fn examples() -> [(Vec<u8>, &'static str); 5] {
    let million = vec![b'a'; 1_000_000];
    [
        (b"".to_vec(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc".to_vec(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".to_vec(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn\
              hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
                .to_vec(),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
        ),
        (million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ]
}

fn hex(hash: [u8; 32]) -> String {
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from_digit(u32::from(digit), 16).expect("below 16")).collect()
}

#[test]
fn each_message_has_the_published_hash() {
    for (message, expected) in examples() {
        let mut hasher = Sha256::new();
        hasher.update(&message);
        assert_eq!(hex(hasher.finalize()), expected, "{} bytes", message.len());
    }
}

#[test]
fn each_pair_has_the_published_hashes() {
    for (first, first_hash) in examples() {
        for (second, second_hash) in examples() {
            for piece in [1000, 64 << 10] {
                let (mut one, mut other) = (Sha256::new(), Sha256::new());
                update_pair((&mut one, first.chunks(piece)), (&mut other, second.chunks(piece + 1)));
                let lens = (first.len(), second.len());
                assert_eq!(
                    (&*hex(one.finalize()), &*hex(other.finalize())),
                    (first_hash, second_hash),
                    "{lens:?}"
                );
            }
        }
    }
}

#[test]
fn finalized_hasher_accepts_more_input() {
    let mut hasher = Sha256::default();
    hasher.update(b"a");
    let before = hasher.finalize();
    hasher.update(b"bc");
    assert_eq!(hex(hasher.finalize()), examples()[1].1);
    assert_ne!(before, hasher.finalize());
}
