//! Messages that are settled once, by a program that serves no HTTP.

use std::{io, sync::Arc};

use idempotent_runtime::{Idempotency, Once, OnceError};

/// A message.
pub struct Message {
    /// Its id, the same at every delivery.
    pub id: String,
    /// Its text.
    pub body: String,
}

/// Settles a message in a task of its own, and tells the receipt.
///
/// # Errors
/// [`OnceError::Step`] with the error of `settle`, after which a message may be settled again;
/// [`OnceError`] has the others.
pub async fn settle<F>(
    idempotency: Idempotency,
    message: Arc<Message>,
    settle: impl FnOnce(String, Arc<Message>) -> F + Send + 'static,
) -> Result<Once<String>, OnceError<io::Error>>
where
    F: Future<Output = io::Result<String>> + Send + 'static,
{
    let task = tokio::spawn(async move {
        let call = idempotency.once("settle", &message.id).fingerprint(&message.body);
        call.run(async |context| settle(context.derive_key("psp"), Arc::clone(&message)).await).await
    });
    task.await.expect("the task ends")
}
