//! The next bytes of a content on their way into its hashers.

use super::Hasher;
use laboxide_sha256::update_pair;

/// What the hashers of one content take in next.
pub(crate) struct Intake<'a, 'b> {
    pub hashers: &'a mut [Hasher],
    pub parts: &'a mut (dyn Iterator<Item = &'b [u8]> + 'a),
}

impl Intake<'_, '_> {
    fn take_in(self) {
        for part in self.parts {
            self.hashers.iter_mut().for_each(|hasher| hasher.update(part));
        }
    }
}

/// Takes in what there is of two contents, side by side where that is faster.
pub(crate) fn take_in_both(mut first: Option<Intake<'_, '_>>, mut second: Option<Intake<'_, '_>>) {
    if let (Some(first), Some(second)) = (&mut first, &mut second)
        && let ([one], [other]) = (&mut *first.hashers, &mut *second.hashers)
        && let (Some(one), Some(other)) = (one.as_sha256(), other.as_sha256())
    {
        return update_pair((one, &mut *first.parts), (other, &mut *second.parts));
    }
    first.into_iter().for_each(Intake::take_in);
    second.into_iter().for_each(Intake::take_in);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Algorithm, StreamHash};
    use Algorithm::{Blake3, Sha256};

    #[test]
    fn whatever_two_contents_are_hashed_with_each_has_its_own_hashes() {
        let data: [Vec<u8>; 2] =
            [(0..=250).cycle().take(5000).collect(), (0..=99).cycle().take(3001).collect()];
        let choices: [&[Algorithm]; 5] = [&[], &[Sha256], &[Blake3], &[Sha256, Blake3], &[Blake3, Sha256]];
        for algorithms in choices.into_iter().flat_map(|one| choices.map(|other| [one, other])) {
            let mut hashes = algorithms.map(StreamHash::new);
            let [first, second] = &mut hashes;
            let (mut parts, mut other_parts) = (data[0].chunks(700), data[1].chunks(64));
            take_in_both(
                Some(Intake { hashers: &mut first.hashers, parts: &mut parts }),
                Some(Intake { hashers: &mut second.hashers, parts: &mut other_parts }),
            );
            for ((hash, data), algorithms) in hashes.into_iter().zip(&data).zip(algorithms) {
                let digest = hash.finish(data.len() as u64, algorithms);
                for (algorithm, hash) in digest.hashes {
                    assert_eq!(hash, crate::digest::hex(&Hasher::hash(algorithm, data)));
                }
            }
        }
    }
}
