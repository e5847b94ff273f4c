//! Reasons to refuse a new claim.

use crate::request::CallerId;

/// Reason why there is no room for a new claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All of the budget is used up.
    Store,
    /// The share of this caller is used up.
    Share(CallerId),
}
