//! Changes in the number of bytes that are taken up.

/// Bytes of bookkeeping an entry takes up beside its record, claimed or completed: map and index
/// nodes, fingerprint, token.
///
/// `benches/memory.rs` measures 315 where the maps are at their emptiest: resident memory, so what
/// the allocator adds to each piece counts. The order of completion, where it is kept account of,
/// and a first replay add up to 85.
pub(super) const ENTRY: u64 = 400;

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
