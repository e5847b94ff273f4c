//! Numbers in as few bytes as they need, since every byte counts for each key.

/// A number in `N` bytes. One that does not fit is the largest that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compact<const N: usize>([u8; N]);

impl<const N: usize> Compact<N> {
    const LARGEST: u64 = u64::MAX >> (64 - 8 * N);

    pub(super) fn get(self) -> u64 {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&self.0);
        u64::from_le_bytes(bytes)
    }
}

impl<const N: usize> From<u64> for Compact<N> {
    fn from(number: u64) -> Self {
        let bytes = number.min(Self::LARGEST).to_le_bytes();
        Compact(std::array::from_fn(|at| bytes[at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_and_what_does_not_is_the_largest_that_does() {
        for number in [0, 1, 0x0102_0304_0506, (1 << 48) - 1] {
            assert_eq!(Compact::<6>::from(number).get(), number);
        }
        assert_eq!(Compact::<6>::from(1 << 48).get(), (1 << 48) - 1);
        assert_eq!(Compact::<5>::from(u64::MAX).get(), (1 << 40) - 1);
    }
}
