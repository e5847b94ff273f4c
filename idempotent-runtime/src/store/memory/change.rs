//! Changes in the number of bytes that are taken up.

use super::budget::ENTRY;

/// Number of bytes that are taken up more than before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) bytes: i64,
    /// The part of `bytes` that is bookkeeping of claims.
    pub(super) claimed: i64,
}

const CLAIM: i64 = ENTRY.cast_signed();

impl Change {
    /// A claim has come.
    pub(super) const CLAIMED: Change = Change { bytes: CLAIM, claimed: CLAIM };
    /// A claim is gone.
    pub(super) const ENDED: Change = Change { bytes: -CLAIM, claimed: -CLAIM };

    /// A claim has become an entry of this many bytes.
    pub(super) fn completed(bytes: u64) -> Self {
        Change { bytes: bytes.cast_signed() - CLAIM, claimed: -CLAIM }
    }

    /// There are more bytes of completed entries.
    pub(super) fn more(bytes: u64) -> Self {
        Change { bytes: bytes.cast_signed(), claimed: 0 }
    }

    /// There are fewer bytes of completed entries.
    pub(super) fn fewer(bytes: u64) -> Self {
        Change { bytes: -bytes.cast_signed(), claimed: 0 }
    }
}
