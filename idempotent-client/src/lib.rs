//! Calls that may be lost, repeated until they are answered, with one effect each.
//!
//! A POST that timed out may have been carried out. Sent again with the same `Idempotency-Key`, it
//! is carried out once, whichever message was lost: the server ([idempotent-runtime], or any that
//! follows the IETF draft) replays its first answer. [`Idempotent`] is a [`reqwest_middleware`]
//! that does the client's part.
//!
//! 1. Each POST and PATCH gets a key, a UUIDv7 as an RFC 8941 string (or
//!    [bare](Builder::bare_keys)), unless the request already has one. Other methods pass
//!    untouched.
//! 2. A request is sent again with that key where another try is worth it: after a problem that the
//!    server calls `retryable`; after 408, 425, 429, 502, 503 and 504 without a problem; after 409
//!    with a `Retry-After`; after connections that are refused or break, tries that take too long,
//!    and answers that are cut off.
//! 3. `key_reused`, `key_missing`, `key_invalid`, `outcome_unknown`, `response_not_stored`,
//!    `key_expired` and replays are never tried again.
//! 4. Delays grow, are jittered and never shorter than `Retry-After`. Tries and time are bounded.
//!    The outcome of the last try is the caller's.
//! 5. A key can be kept on disk before the first send, so that a client that is restarted goes on
//!    with it: [`Operation`] and [`Journal`].
//! 6. The response's extensions hold the [`Key`], and the error of a call that is given up says it:
//!    [`Unanswered`]. With the key, the people who run the server find the request.
//! 7. Nothing is sent without a key in its place. These are errors before anything is sent: an
//!    `Operation` on a request that gets no key, or on one that has a key of its own; a journal
//!    that fails; and a text that is no key, in a journal or set by hand.
//!
//! ```toml
//! [dependencies]
//! idempotent-client = "0.1"
//! reqwest = { version = "0.13.5", features = ["json"] }
//! reqwest-middleware = { version = "0.5.2", features = ["json"] }
//! ```
//!
//! ```no_run
//! use idempotent_client::{BoxError, FileJournal, Idempotent, Journal, Operation};
//! use reqwest_middleware::ClientBuilder;
//!
//! # async fn order() -> Result<(), BoxError> {
//! let journal = FileJournal::open("/var/lib/shop/keys")?;
//! let idempotent = Idempotent::builder().journal(journal.clone()).build();
//! let client = ClientBuilder::new(reqwest::Client::new()).with(idempotent).build();
//!
//! let order = client.post("http://localhost:8080/orders").body(r#"{"sku":"tea"}"#);
//! let order = order.header("content-type", "application/json");
//! let answer = order.with_extension(Operation::named("order-42")).send().await?;
//! let (status, text) = (answer.status(), answer.text().await?);
//! if !status.is_success() {
//!     // Its key is kept: whoever asks for order-42 again gets this answer again, until the key is
//!     // forgotten.
//!     return Err(format!("no order: {status} {text}").into());
//! }
//! println!("{text}");
//! // The answer is in safe hands: what is called order-42 after this is another order.
//! journal.forget("order-42").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What comes back
//!
//! | `send()` gives | it means | what to do |
//! | --- | --- | --- |
//! | a 2xx response | it is done, once | put the answer away, then forget the key |
//! | a 4xx or 500 of the server's handler | that is the outcome | correct it, as another request |
//! | a problem with the `code` `key_reused` | the key is another request's | find the mistake |
//! | `outcome_unknown` | done, or may be; no answer is left | look before you forget the key |
//! | `response_not_stored` | done, or may be; no answer is left | look before you forget the key |
//! | `key_expired` | done, or may be; no answer is left | look before you forget the key |
//! | a refusal that may pass | tries or time have ended; it may be done | send the same again |
//! | [`Unanswered`] | tries or time have ended; it may be done | send the same again |
//! | any other error | nothing was sent, and the error says why | find the mistake |
//!
//! - The same request with the same key is told the same outcome again. A corrected request is
//!   another one: give it another `Operation`, or forget this one.
//! - `key_reused` says that this `Operation`, or this key, was used for another request.
//! - Where no answer is left, look at what is there before you forget the key.
//! - Send the same `Operation` again within the time for which the server keeps keys: its key is
//!   kept for that. Without an `Operation`, set by hand the key that you are told.
//!
//! An error's text leaves its causes to its sources; `{error:#}` prints all of them.
//!
//! A refusal is a response like any other, `Ok`, and its body is JSON whose `code` is for programs.
//! Read the body before `error_for_status()`, which drops it. With the defaults, a server that
//! refuses all connections is given up after about 40 s.
//!
//! # What to know
//!
//! - A body that can't be cloned (a stream) is sent once: with a key and without a bound on its
//!   time. Its outcome is the caller's, whatever it is. Send it again yourself with the same key,
//!   from an [`Operation`] or set by hand.
//! - An answer of up to 1 MiB whose length is known, and a problem of any length, is read whole
//!   before the caller gets it. So an answer that is cut off half-way is a lost answer, and asked
//!   for again. Any other answer, longer or of unknown length, is handed over as it comes.
//! - Each POST is an effect of its own. An application that itself repeats a call after an error
//!   names the call by an [`Operation`], or sets the header.
//! - A key is good for as long as the server keeps it, 24 hours after the answer by default. A
//!   request that is sent later is a new request there, and has a second effect, unless the server
//!   remembers keys that have expired (`key_expired`). A client that was away for longer looks at
//!   what is there first.
//! - A timeout of reqwest's own holds for each try; [`Builder::total_timeout`] bounds all of them.
//! - Put this middleware outside of others that retry, or leave those out: each would multiply the
//!   tries of the other.
//!
//! [idempotent-runtime]: https://docs.rs/idempotent-runtime

mod builder;
mod classify;
mod error;
mod journal;
mod key;
mod key_source;
mod middleware;
mod operation;
mod response;
mod retry;

pub use builder::Builder;
pub use error::Unanswered;
pub use journal::{BoxError, FileJournal, Journal};
pub use key::{InvalidKey, Key};
pub use middleware::Idempotent;
pub use operation::Operation;
