//! SHA-256 of one message, or of two side by side on one core.
//!
//! Each block of SHA-256 depends on the state after the previous block, so with one message the core mostly
//! waits for results. The instructions of a second message fill the gaps: two messages together are hashed at
//! 3.1 GB/s on a core that hashes one at 1.6 GB/s (AMD Zen 5). Three or four are no faster, because there are
//! too few registers.
//!
//! [`Sha256`] is an incremental hasher. [`update_pair`] feeds two of them: each splits its parts into whole
//! blocks, and `pair` compresses blocks of both with the SHA instructions of x86-64. Other processors, and the
//! rest of the longer message, use the `sha2` crate.

mod pair;

use sha2::block_api::compress256;

use pair::compress_pair;

/// The size of a message block in bytes.
const BLOCK: usize = 64;
/// The byte after the message, where the padding begins.
const MARK: u8 = 0x80;
/// The offset of the message size (8 bytes) in the last block.
const SIZE_AT: usize = BLOCK - 8;

/// The fractional parts of the square roots of the first eight primes (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// An incremental SHA-256 hasher.
#[derive(Clone)]
pub struct Sha256 {
    state: [u32; 8],
    /// The number of bytes so far.
    size: u64,
    /// The bytes of an incomplete block.
    pending: [u8; BLOCK],
    /// The number of bytes in `pending`, less than a block.
    filled: usize,
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl Sha256 {
    /// Creates a hasher without input.
    #[must_use]
    pub fn new() -> Self {
        Self { state: INITIAL, size: 0, pending: [0; BLOCK], filled: 0 }
    }

    /// Hashes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        Feed::new(self, std::iter::once(data)).finish();
    }

    /// Returns the hash of all bytes so far. The hasher is unchanged and accepts more.
    #[must_use]
    pub fn finalize(&self) -> [u8; 32] {
        let mut last = self.clone();
        let bits = self.size.wrapping_mul(8);
        last.update(&[MARK]);
        if last.filled > SIZE_AT {
            last.update(&[0; BLOCK][last.filled..]);
        }
        last.update(&[0; BLOCK][..SIZE_AT - last.filled]);
        last.update(&bits.to_be_bytes());
        let mut hash = [0; 32];
        for (bytes, word) in hash.chunks_exact_mut(4).zip(last.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        hash
    }

    /// Fills the incomplete block, and compresses it when it is complete. Returns the rest of the bytes.
    fn fill_block<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let (taken, rest) = data.split_at(data.len().min(BLOCK - self.filled));
        self.pending[self.filled..][..taken.len()].copy_from_slice(taken);
        self.size += taken.len() as u64;
        self.filled += taken.len();
        if self.filled == BLOCK {
            self.filled = 0;
            compress256(&mut self.state, &[self.pending]);
        }
        rest
    }
}

/// The input of one hasher, split into whole blocks where possible.
struct Feed<'h, 'a, I> {
    hasher: &'h mut Sha256,
    parts: I,
    /// The whole blocks left in the current part.
    blocks: &'a [[u8; BLOCK]],
    /// The bytes after the last whole block.
    rest: &'a [u8],
}

impl<'h, 'a, I: Iterator<Item = &'a [u8]>> Feed<'h, 'a, I> {
    fn new(hasher: &'h mut Sha256, parts: I) -> Self {
        Self { hasher, parts, blocks: &[], rest: &[] }
    }

    /// Returns true if there are whole blocks. Advances to the next part if the current one has none.
    fn has_blocks(&mut self) -> bool {
        while self.blocks.is_empty() {
            self.hasher.fill_block(std::mem::take(&mut self.rest));
            let Some(mut part) = self.parts.next() else { return false };
            if self.hasher.filled > 0 {
                part = self.hasher.fill_block(part);
            }
            (self.blocks, self.rest) = part.as_chunks();
        }
        true
    }

    fn take(&mut self, count: usize) -> &'a [[u8; BLOCK]] {
        let (taken, left) = self.blocks.split_at(count);
        self.blocks = left;
        self.hasher.size += taken.as_flattened().len() as u64;
        taken
    }

    fn finish(mut self) {
        while self.has_blocks() {
            let blocks = self.take(self.blocks.len());
            compress256(&mut self.hasher.state, blocks);
        }
    }
}

/// Hashes parts of two messages, side by side until the shorter one ends.
pub fn update_pair<'a, 'b>(
    first: (&mut Sha256, impl Iterator<Item = &'a [u8]>),
    second: (&mut Sha256, impl Iterator<Item = &'b [u8]>),
) {
    let (mut first, mut second) = (Feed::new(first.0, first.1), Feed::new(second.0, second.1));
    while first.has_blocks() && second.has_blocks() {
        let count = first.blocks.len().min(second.blocks.len());
        let blocks = [first.take(count), second.take(count)];
        compress_pair([&mut first.hasher.state, &mut second.hasher.state], blocks);
    }
    first.finish();
    second.finish();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::Digest as _;

    fn painted(len: usize) -> Vec<u8> {
        (0..=250).cycle().take(len).collect()
    }

    fn cut<'a>(data: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
        let mut rest = data;
        let mut parts: Vec<_> =
            sizes.iter().map(|size| rest.split_off(..(*size).min(rest.len())).unwrap_or_default()).collect();
        parts.push(rest);
        parts
    }

    fn sizes() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(prop_oneof![0..200_usize, Just(BLOCK), 1000..5000_usize], 0..12)
    }

    proptest! {
        #[test]
        fn parts_of_any_size_have_the_hash_of_the_message(len in 0..20_000_usize, sizes in sizes()) {
            let data = painted(len);
            let mut hasher = Sha256::new();
            for part in cut(&data, &sizes) {
                hasher.update(part);
            }
            prop_assert_eq!(hasher.finalize(), <[u8; 32]>::from(sha2::Sha256::digest(&data)));
        }

        #[test]
        fn pair_has_the_hashes_of_each_message(
            lens in (0..20_000_usize, 0..20_000_usize), cuts in (sizes(), sizes()), before in (0..200_usize, 0..200_usize)
        ) {
            let data = [painted(lens.0), painted(lens.1 + 1)[1..].to_vec()];
            let before = [before.0.min(lens.0), before.1.min(lens.1)];
            let mut hashers = [Sha256::new(), Sha256::new()];
            for side in 0..2 {
                hashers[side].update(&data[side][..before[side]]);
            }
            let [first, second] = &mut hashers;
            update_pair(
                (first, cut(&data[0][before[0]..], &cuts.0).into_iter()),
                (second, cut(&data[1][before[1]..], &cuts.1).into_iter()),
            );
            for side in 0..2 {
                let expected = <[u8; 32]>::from(sha2::Sha256::digest(&data[side]));
                prop_assert_eq!(hashers[side].finalize(), expected);
            }
        }
    }

    #[test]
    fn padding_is_right_at_every_length_around_a_block() {
        for len in 0..=3 * BLOCK {
            let data = painted(len);
            let mut hasher = Sha256::new();
            hasher.update(&data);
            assert_eq!(hasher.finalize(), <[u8; 32]>::from(sha2::Sha256::digest(&data)), "{len}");
        }
    }
}
