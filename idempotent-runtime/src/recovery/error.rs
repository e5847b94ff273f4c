//! Errors of setting up a walk.

/// Reason that stuck entries are not walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileStuckError {
    /// The interval is zero.
    #[error("the interval between two walks over the stuck entries has to be longer than zero")]
    Zero,
    /// Nobody can be asked.
    #[error("nobody can be asked about executions that died: set `reconcile` in the builder")]
    Nobody,
    /// There is no tokio runtime.
    #[error("call `reconcile_stuck` on a tokio runtime, on which it walks")]
    NoRuntime,
    /// This handle, or a clone of it, walks already.
    #[error("the stuck entries are walked already: call `reconcile_stuck` once")]
    Running,
}
