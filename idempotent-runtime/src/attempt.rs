//! One attempt at a key: one execution under one claim.

use crate::{
    policy::Policy,
    request::Key,
    store::{Hold, Origin},
};

/// One execution under a claim, with all that is known of it before it runs.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) policy: &'static Policy,
    /// Key of the request, as it was read once.
    pub(crate) key: Key,
    pub(crate) hold: Hold,
    /// 1, or one more for every earlier execution that was abandoned and taken over.
    pub(crate) number: u32,
    pub(crate) origin: Origin,
}
