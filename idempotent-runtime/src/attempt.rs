//! One attempt at a key: one execution under one claim.

use crate::{
    policy_ref::PolicyRef,
    request::Key,
    store::{Hold, Origin},
};

/// One execution under a claim, with all that is known of it before it runs.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) policy: PolicyRef,
    /// Key of the request, as it was read once. `None` for an operation, which no request asks for.
    pub(crate) key: Option<Key>,
    pub(crate) hold: Hold,
    /// 1, or one more for every earlier execution that was abandoned and taken over.
    pub(crate) number: u32,
    pub(crate) origin: Origin,
}

impl Attempt {
    /// Characters of the request's key. There are none for an operation.
    pub(crate) fn key(&self) -> &str {
        self.key.as_ref().map_or("", Key::as_str)
    }
}
