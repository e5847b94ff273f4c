//! Verbs of operators: entries are looked at, listed, made free again and ended.

mod caller_hash;
mod digits;
mod entry;
mod entry_ref;
mod error;
mod forget;
mod inspect;
mod resolve;
mod stuck;
mod usage;
mod version;

pub use self::{
    caller_hash::{CallerHash, CallerHashError},
    entry::{Entry, EntryState},
    entry_ref::EntryRef,
    error::EntryError,
    forget::Forgotten,
    resolve::{ResolveError, Resolved},
    stuck::StuckEntries,
    usage::{CallerUsage, EndpointUsage, Freed, Usage},
    version::{EntryVersion, EntryVersionError},
};
