//! Handles that share their keys with no other test.

use idempotent_runtime::{Idempotency, IdempotencyBuilder, MemoryStore};

/// Settings of a handle with a memory of its own: without a store's name all tests of a process
/// share one.
pub fn fresh() -> IdempotencyBuilder {
    Idempotency::builder().store(MemoryStore::new())
}
