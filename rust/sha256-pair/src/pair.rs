//! The compression function of SHA-256 for two states at once.

use sha2::block_api::compress256;

use super::BLOCK;

/// Compresses two sequences of blocks, of the same length, into two states.
pub(crate) fn compress_pair(states: [&mut [u32; 8]; 2], blocks: [&[[u8; BLOCK]]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sha") && std::arch::is_x86_feature_detected!("sse4.1") {
        // SAFETY: the processor supports both instruction sets, as checked above.
        return unsafe { x86::compress_pair(states, blocks) };
    }
    for (state, blocks) in states.into_iter().zip(blocks) {
        compress256(state, blocks);
    }
}

/// The compression with the SHA instructions, four rounds at a time.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_loadu_si128, _mm_set_epi32,
        _mm_set_epi64x, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
        _mm_shuffle_epi32,
    };

    use super::BLOCK;

    /// A register for each of the two states. Each step runs for both, one right after the other.
    type Lanes = [__m128i; 2];

    /// The fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2).
    #[rustfmt::skip]
    const ROUNDS: [u32; 64] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ];

    #[target_feature(enable = "sha,sse4.1")]
    pub(super) fn compress_pair(states: [&mut [u32; 8]; 2], blocks: [&[[u8; BLOCK]]; 2]) {
        // The instructions take the words a, b, e, f in one register, and c, d, g, h in another.
        let mut abef = [pack(states[0], [0, 1, 4, 5]), pack(states[1], [0, 1, 4, 5])];
        let mut cdgh = [pack(states[0], [2, 3, 6, 7]), pack(states[1], [2, 3, 6, 7])];
        for (first, second) in blocks[0].iter().zip(blocks[1]) {
            let before = (abef, cdgh);
            let mut words = load([first, second]);
            for quarter in 0..4 {
                for place in 0..4 {
                    if quarter > 0 {
                        schedule(&mut words, place);
                    }
                    four_rounds(4 * quarter + place, &mut abef, &mut cdgh, words[place]);
                }
            }
            abef = add(abef, before.0);
            cdgh = add(cdgh, before.1);
        }
        for (lane, state) in states.into_iter().enumerate() {
            unpack(state, [0, 1, 4, 5], abef[lane]);
            unpack(state, [2, 3, 6, 7], cdgh[lane]);
        }
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn four_rounds(four: usize, abef: &mut Lanes, cdgh: &mut Lanes, words: Lanes) {
        let at = 4 * four;
        let constants = pack(&ROUNDS, [at + 3, at + 2, at + 1, at]);
        let sums = add(words, [constants, constants]);
        for lane in 0..2 {
            cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sums[lane]);
        }
        for lane in 0..2 {
            let later = _mm_shuffle_epi32::<0b00_00_11_10>(sums[lane]);
            abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], later);
        }
    }

    /// Replaces four words of the message schedule with the words sixteen positions later.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn schedule(words: &mut [Lanes; 4], place: usize) {
        let [ago_12, ago_8, ago_4] = [words[(place + 1) % 4], words[(place + 2) % 4], words[(place + 3) % 4]];
        for lane in 0..2 {
            let partial = _mm_sha256msg1_epu32(words[place][lane], ago_12[lane]);
            let partial = _mm_add_epi32(partial, _mm_alignr_epi8::<4>(ago_4[lane], ago_8[lane]));
            words[place][lane] = _mm_sha256msg2_epu32(partial, ago_4[lane]);
        }
    }

    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn add(one: Lanes, other: Lanes) -> Lanes {
        [_mm_add_epi32(one[0], other[0]), _mm_add_epi32(one[1], other[1])]
    }

    /// Loads the big-endian words of one block per state.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn load(blocks: [&[u8; BLOCK]; 2]) -> [Lanes; 4] {
        let swapped = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let mut words = [[swapped; 2]; 4];
        for (lane, block) in blocks.into_iter().enumerate() {
            for (place, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
                // SAFETY: the load reads 16 bytes, and needs no alignment.
                let loaded = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
                words[place][lane] = _mm_shuffle_epi8(loaded, swapped);
            }
        }
        words
    }

    /// Packs four words into a register, the first one in the highest bits.
    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn pack(words: &[u32], from: [usize; 4]) -> __m128i {
        let word = |index: usize| words[from[index]].cast_signed();
        _mm_set_epi32(word(0), word(1), word(2), word(3))
    }

    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn unpack(words: &mut [u32], to: [usize; 4], packed: __m128i) {
        words[to[0]] = _mm_extract_epi32::<3>(packed).cast_unsigned();
        words[to[1]] = _mm_extract_epi32::<2>(packed).cast_unsigned();
        words[to[2]] = _mm_extract_epi32::<1>(packed).cast_unsigned();
        words[to[3]] = _mm_extract_epi32::<0>(packed).cast_unsigned();
    }
}
