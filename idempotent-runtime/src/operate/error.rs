//! Errors of operators' verbs.

use crate::store::{NoCursor, StoreError};

/// Reason that an entry could not be looked at, or forgotten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The key is not valid. Nothing was done.
    #[error("there cannot be such a key: {0}")]
    Key(&'static str),
    /// The cursor was not given by this store. Nothing was done.
    #[error("this is no cursor of the store's")]
    Cursor,
    /// The store failed, or cannot be looked into. Unless the error is [`StoreError::NotDone`], the
    /// operation may have been done, and asking again tells.
    #[error("the entry could not be looked at, or not be forgotten")]
    Store(#[source] StoreError),
}

impl From<StoreError> for EntryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotDone { source, .. } if source.is::<NoCursor>() => EntryError::Cursor,
            error => EntryError::Store(error),
        }
    }
}
