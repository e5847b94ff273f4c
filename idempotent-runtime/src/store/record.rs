//! The bytes a store keeps for a completed request.

use bytes::Bytes;

/// Outcome recorded for a request, as bytes that only this crate reads.
///
/// The first byte is the format's version. A store keeps them as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record(Bytes);

impl Record {
    /// The record that [`as_bytes`](Self::as_bytes) gave.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Record(bytes.into())
    }

    /// The bytes to keep.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The bytes to keep, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}
