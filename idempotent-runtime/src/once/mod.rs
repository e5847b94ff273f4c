//! Work that is done once per key, with no request in sight: messages, jobs, timers.
//!
//! ```text
//!   once ─ run ─▶ address and fingerprint ─┬─ recalled ─▶ the value of the record
//!                                          └─ `execution::answer`: the step is its work
//! ```

mod builder;
mod result;
mod step;
mod work;

pub use self::{
    builder::OnceBuilder,
    result::{Once, OnceError},
};
use crate::engine::Idempotency;

impl Idempotency {
    /// Work that is done once per `key` of `operation`, with no request in sight: a message, a job,
    /// a timer.
    ///
    /// ```
    /// use idempotent_runtime::{Idempotency, Once};
    /// # struct Message { id: String, body: String }
    /// # async fn settle(key: String, message: &Message) -> Result<u64, std::io::Error> { Ok(1) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let message = Message { id: "m-1".into(), body: "{}".into() };
    /// # let idempotency = Idempotency::builder().build()?;
    /// let settled = idempotency
    ///     .once("settle", &message.id)
    ///     .fingerprint(&message.body)
    ///     .run(async |context| settle(context.derive_key("psp"), &message).await)
    ///     .await?;
    /// match settled {
    ///     Once::Ran(receipt) | Once::Replayed(receipt) => { /* acknowledge the message */ }
    ///     Once::InProgress { retry_after } => { /* give it back for that time */ }
    ///     _ => { /* put it aside for people */ }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// Operation and key are 1 to 255 bytes each, whatever they are. Their entry is never that of a
    /// request to an endpoint. The operation's name is in logs and metrics, and the key is not.
    ///
    /// It has single flight, leases, fencing, waiting, checkpoints, events and drain as handlers
    /// have them, and [`reconcile`](crate::IdempotencyBuilder::reconcile) is asked about calls that
    /// died. [`on_store_error`](crate::IdempotencyBuilder::on_store_error) does not hold: where the
    /// store fails, nothing runs.
    pub fn once(&self, operation: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> OnceBuilder {
        OnceBuilder::new(self.clone(), operation.as_ref(), key.as_ref())
    }
}
