//! Calls that may be lost, repeated until they are answered, with one effect each.
//!
//! A POST that timed out may have been carried out. Sent again with the same `Idempotency-Key`, it is carried out once, whoever lost what: the
//! server ([idempotent-runtime], or any that follows the IETF draft) replays what it answered first. [`Idempotent`] is a [`reqwest_middleware`]
//! that does the client's part.
//!
//! 1. Each POST and PATCH gets a key, a UUIDv7 as an RFC 8941 string (or [bare](Builder::bare_keys)), unless the request already has one. Other methods pass untouched.
//! 2. What is worth another try is sent again with that key: what the server calls `retryable`; 408, 425, 429, 502, 503 and 504 without a problem;
//!    409 with a `Retry-After`; connections that are refused or break, tries that take too long, answers that are cut off.
//! 3. `key_reused`, `key_missing`, `key_invalid`, `outcome_unknown`, `response_not_stored`, `key_expired` and replays are never tried again.
//! 4. Pauses grow, are jittered and never shorter than `Retry-After`. Tries and time are bounded; what came of the last try is the caller's.
//! 5. A key can be kept on disk before the first send, so that a client that is restarted goes on with it: [`Operation`] and [`Journal`].
//! 6. The response's extensions hold the [`Key`], and the error of a call that is given up says it: [`Unanswered`]. With it the people who run the server find
//!    the request.
//! 7. Nothing is sent without a key in its place: an `Operation` on a request that gets none, or on one that has a key of its own, a journal that fails,
//!    and what is no key, in a journal or set by hand, are errors before anything is sent.
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
//! let order = client.post("http://localhost:8080/orders").body(r#"{"sku":"tea"}"#).header("content-type", "application/json");
//! let answer = order.with_extension(Operation::named("order-42")).send().await?;
//! let (status, text) = (answer.status(), answer.text().await?);
//! if !status.is_success() {
//!     // Its key is kept: whoever asks for order-42 again gets this answer again, until it is forgotten.
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
//! | `send()` gives | what that means | what to do |
//! | --- | --- | --- |
//! | a response of 2xx | it is done, once | put the answer away, then forget the key |
//! | a 4xx or 500 that the server's handler gave | that is the outcome, and the same request with this key is told it again | a corrected request is another one: another `Operation`, or this one forgotten |
//! | a problem with the `code` `key_reused` | this `Operation`, or this key, was used for another request | find the mistake |
//! | `outcome_unknown`, `response_not_stored`, `key_expired` | it may be done, or is, and no answer is left | look at what is there before you forget the key |
//! | a refusal that may pass, or [`Unanswered`] | tries or time have ended, and it may be done | the same `Operation` again, within the time for which the server keeps keys: that is what its key is kept for; without one, the key that is told, set by hand |
//! | any other error | nothing was sent, and the error says why | find the mistake |
//!
//! An error's text leaves its causes to its sources; `{error:#}` prints all of them.
//!
//! A refusal is a response like any other, `Ok`, and its body is JSON whose `code` is for programs. Read it before `error_for_status()`, which
//! drops it. With the defaults a server that refuses all connections is given up after about 40 s.
//!
//! # What to know
//!
//! - A body that can't be cloned (a stream) is sent once: with a key, without a bound on its time, and whatever comes of it is the caller's.
//!   Send it again yourself with the same key, from an [`Operation`] or set by hand.
//! - An answer of up to 1 MiB whose length is known, and a problem of any length, is read whole before the caller gets it, so that one cut off half-way
//!   is a lost answer, and asked for again. Any other, longer or of unknown length, is handed over as it comes.
//! - Each POST is an effect of its own. An application that itself repeats a call after an error names it by an [`Operation`], or sets the header.
//! - A key is good for as long as the server keeps it, 24 hours after the answer by default. Sent later it is a new request there, and has a second
//!   effect, unless the server remembers keys that have expired (`key_expired`). A client that was away for longer looks at what is there first.
//! - A timeout of reqwest's own holds for each try; [`Builder::within`] bounds all of them.
//! - Put this middleware outside of others that retry, or leave those out: each would multiply the tries of the other.
//!
//! [idempotent-runtime]: https://docs.rs/idempotent-runtime

mod answer;
mod builder;
mod error;
mod giving;
mod journal;
mod key;
mod middleware;
mod operation;
mod schedule;
mod verdict;

pub use builder::Builder;
pub use error::Unanswered;
pub use journal::{BoxError, FileJournal, Journal};
pub use key::{InvalidKey, Key};
pub use middleware::Idempotent;
pub use operation::Operation;
