//! A tracing subscriber that hears nothing.

use std::sync::LazyLock;

use tracing::Dispatch;

static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

/// Lets a thread's subscriber hear what another thread was the first to say: `tracing` forgets that
/// where there is but one subscriber.
pub fn hear_every_thread() {
    LazyLock::force(&ANOTHER);
}
