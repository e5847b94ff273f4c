//! Where keys are kept before they are first used.

mod entry;
mod file;

use std::{fmt, future::Future, pin::Pin};

pub use file::FileJournal;

use crate::Key;

/// Whatever a journal has to say of its failure.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Keeps the keys of named operations, so that a client that is restarted sends the same request with the same key.
///
/// An application with a database of its own keeps them there; [`FileJournal`] is for the others. Keys are forgotten by the application, when it
/// has put the answer away: whoever forgets them sooner and dies then would send the request again with another key, and have two effects.
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// The key of `operation`; `fresh` is kept as such where there is none yet.
    ///
    /// It is answered when the key is safe on disk, and is one step: of two that come at once, both get the same key. What is there but is no
    /// [`Key`] is an error, as [`Key::new`] gives it, and never a reason for a fresh one: the old one may have been sent.
    fn load_or_insert(
        &self,
        operation: &str,
        fresh: Key,
    ) -> impl Future<Output = Result<Key, BoxError>> + Send;

    /// Forgets the key of `operation`, if there is one: the next request of this name is a new one.
    ///
    /// It is answered when that is safe on disk. Where it fails, the key may still be there, and the next request of this name be told the last one's
    /// answer: ask again before it is sent.
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
