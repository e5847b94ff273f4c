//! Choice of the application for a memory that is full.

/// Treatment of new keys when live entries fill the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// New keys are refused with `store_full`; no live key is forgotten.
    Refuse,
    /// The entries that completed first are forgotten, and counted. A retry of a forgotten key is a
    /// new execution.
    EvictOldest,
}
