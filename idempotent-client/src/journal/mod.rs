//! Journals, which keep keys from before their first use.

mod entry;
mod file;

use std::{fmt, future::Future, pin::Pin};

pub use file::FileJournal;

use crate::Key;

/// Error of a journal, of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Keeps the keys of named operations, so that a restarted client sends the same request with the
/// same key.
///
/// An application with a database of its own keeps the keys there; [`FileJournal`] is for the
/// others. The application forgets a key when it has put the answer away. An application that
/// forgets a key sooner, and then dies, would send the request again with another key, and have two
/// effects.
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// The key of `operation`. Where there is none yet, `fresh` becomes its key.
    ///
    /// The key is returned when it is safe on disk, and the call is one step: two calls that come
    /// at once get the same key. An entry that is no [`Key`] is an error, as [`Key::new`] gives it,
    /// and never a reason for a fresh key: the old one may have been sent.
    fn load_or_insert(
        &self,
        operation: &str,
        fresh: Key,
    ) -> impl Future<Output = Result<Key, BoxError>> + Send;

    /// Forgets the key of `operation`, if there is one: the next request of this name is a new one.
    ///
    /// The call returns when that is safe on disk. Where it fails, the key may still be there, and
    /// the next request of this name may get the last one's answer: call again before that request
    /// is sent.
    fn forget(&self, operation: &str) -> impl Future<Output = Result<(), BoxError>> + Send;
}

type Loading<'a> = Pin<Box<dyn Future<Output = Result<Key, BoxError>> + Send + 'a>>;

/// The part of a [`Journal`] that the middleware needs, whatever its type.
pub(crate) trait Erased: fmt::Debug + Send + Sync {
    fn load_or_insert<'a>(&'a self, operation: &'a str, fresh: Key) -> Loading<'a>;
}

impl<J: Journal> Erased for J {
    fn load_or_insert<'a>(&'a self, operation: &'a str, fresh: Key) -> Loading<'a> {
        Box::pin(Journal::load_or_insert(self, operation, fresh))
    }
}
