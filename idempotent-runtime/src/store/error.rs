//! Errors of stores.

use std::{error::Error, time::Duration};

/// Reason why a store could not do what it was asked. Logged, never sent to a client.
///
/// All but [`Unavailable`](StoreError::Unavailable) are answers: the store says that it has done
/// nothing, and will do nothing later. A claim that fails with one of them is not released, and
/// not sent again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer, or its answer cannot be understood. The call may have been done.
    #[error("the {store} store is unavailable")]
    Unavailable {
        /// The store's name.
        store: &'static str,
        /// Cause of the failure.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store could not be asked, or has refused: it may not write, a disk is full, a right is
    /// missing. Nothing was done, and nothing will be.
    #[error("the {store} store did nothing")]
    NotDone {
        /// The store's name.
        store: &'static str,
        /// Cause of the failure.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store has no room for a new key. Nothing was done.
    #[error("the {store} store is full")]
    Full {
        /// The store's name.
        store: &'static str,
        /// Time until there may be room again, where the store knows it.
        retry_after: Option<Duration>,
    },
    /// The caller holds as much of the store as one caller may, so there is no room for another key
    /// of this caller. Nothing was done.
    #[error("the {store} store holds as much of one caller as it may")]
    TooManyKeys {
        /// The store's name.
        store: &'static str,
        /// Time until there may be room again.
        retry_after: Duration,
    },
    /// The entry cannot be read: it is damaged, or a newer release has written it. Nothing was
    /// done. Its request may have run, so it is `outcome_unknown` and never run again.
    #[error("the {store} store cannot read an entry")]
    Unreadable {
        /// The store's name.
        store: &'static str,
        /// Damage or unknown format of the entry.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// The store called `store` could not answer because of `source`.
    pub fn unavailable(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        StoreError::Unavailable { store, source: source.into() }
    }

    /// The store called `store` did nothing because of `source`, and will not do it later.
    pub fn not_done(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        StoreError::NotDone { store, source: source.into() }
    }

    /// The store called `store` has no room for a new key.
    pub fn full(store: &'static str) -> Self {
        StoreError::Full { store, retry_after: None }
    }

    /// The same error with the time until there may be room again. Changes only errors for want of
    /// room.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        match &mut self {
            StoreError::Full { retry_after, .. } => *retry_after = Some(after),
            StoreError::TooManyKeys { retry_after, .. } => *retry_after = after,
            StoreError::Unavailable { .. } | StoreError::NotDone { .. } | StoreError::Unreadable { .. } => {}
        }
        self
    }

    /// The store called `store` has an entry there that it cannot read because of `source`.
    pub fn unreadable(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        StoreError::Unreadable { store, source: source.into() }
    }

    /// True where the call was not done, and will not be.
    pub(crate) fn did_nothing(&self) -> bool {
        !matches!(self, StoreError::Unavailable { .. })
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
impl SetupError {
    /// A setting of the store called `store` cannot work: `why`.
    pub(super) fn setting(store: &'static str, why: impl Into<String>) -> Self {
        SetupError::Setting { store, why: why.into() }
    }

    /// The store called `store` cannot be reached because of `source`.
    pub(super) fn unreachable(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        SetupError::Unreachable { store, source: source.into() }
    }
}

/// A store could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A name that cannot be that of a table or schema.
    #[error(
        "`{name}` cannot be the name of a {what}: it must be 1 to 48 of the characters a to z, 0 to 9 and _, and not begin with a digit"
    )]
    Name {
        /// Kind of the thing to name: a table, a schema.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The store's schema is missing, or of another version than this release works with.
    #[error(
        "the schema of the {store} store has version {found}, and this release works with {wanted}: {hint}"
    )]
    Schema {
        /// The store's name.
        store: &'static str,
        /// The version that is there; 0 where there is none.
        found: u32,
        /// The version that is needed.
        wanted: u32,
        /// Advice to the operator.
        hint: &'static str,
    },
    /// A setting that cannot work.
    #[error("the {store} store cannot be set up: {why}")]
    Setting {
        /// The store's name.
        store: &'static str,
        /// Problem with the setting, and the values that are allowed.
        why: String,
    },
    /// The user that the store connects as may not do what the store will have to.
    #[error("the {store} store cannot work as the user `{user}`, who lacks {missing}")]
    Rights {
        /// The store's name.
        store: &'static str,
        /// The user.
        user: String,
        /// The rights that are missing, parted by commas.
        missing: String,
    },
    /// The server or the file does not answer, or its answer cannot be understood.
    #[error("the {store} store cannot be reached")]
    Unreachable {
        /// The store's name.
        store: &'static str,
        /// Cause of the failure.
        source: Box<dyn Error + Send + Sync>,
    },
}
