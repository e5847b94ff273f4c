//! Hashes several inputs as one, so that no two different sequences of inputs look the same.

use sha2::{Digest, Sha256};

/// SHA-256 over a domain byte and length-prefixed parts.
///
/// Each part is preceded by its length, as eight bytes, big-endian. The hashed bytes can therefore
/// be read back in only one way. So two different sequences of parts are two different inputs, for
/// all bytes that the parts hold: the composition is injective, and a collision would be one of
/// SHA-256 itself.
#[derive(Clone)]
pub(crate) struct PartsHasher(Sha256);

impl PartsHasher {
    /// Starts a hash. Each use, and each version of a use, has a `domain` of its own, so that their
    /// hashes never meet.
    pub(crate) fn new(domain: u8) -> Self {
        PartsHasher(Sha256::new_with_prefix([domain]))
    }

    /// Adds one part.
    pub(crate) fn part(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// Adds each of `parts`. Their number is not hashed: use this where the first part says what
    /// follows.
    pub(crate) fn parts(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.part(part);
        }
    }

    /// Adds a number, which says how many parts follow.
    pub(crate) fn count(&mut self, count: usize) {
        self.part(&(count as u64).to_be_bytes());
    }

    /// Hash of everything that was added.
    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(domain: u8, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = PartsHasher::new(domain);
        hasher.parts(parts);
        hasher.finish()
    }

    #[test]
    fn moving_a_boundary_between_parts_changes_the_hash() {
        let whole = hash(1, &[b"ab"]);
        assert_ne!(whole, hash(1, &[b"a", b"b"]));
        assert_ne!(whole, hash(1, &[b"ab", b""]));
        assert_ne!(whole, hash(1, &[b"", b"ab"]));
        assert_ne!(hash(1, &[]), hash(1, &[b""]));
    }

    #[test]
    fn a_part_that_imitates_a_length_prefix_does_not_collide() {
        assert_ne!(hash(1, &[b"a\0\0\0\0\0\0\0\x01b"]), hash(1, &[b"a", b"b"]));
    }

    #[test]
    fn the_same_parts_in_another_domain_have_another_hash() {
        assert_ne!(hash(1, &[b"a"]), hash(2, &[b"a"]));
    }

    #[test]
    fn the_composition_is_the_documented_one() {
        let by_hand = Sha256::digest(b"\x07\0\0\0\0\0\0\0\x02ab\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x03");
        let mut hasher = PartsHasher::new(7);
        hasher.part(b"ab");
        hasher.count(3);
        assert_eq!(hasher.finish()[..], by_hand[..]);
    }
}
