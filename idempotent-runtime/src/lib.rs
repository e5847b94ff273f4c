//! Makes actix-web endpoints safe to retry.
//!
//! A client that gets no answer to a `POST` sends it again, and then there are two orders. With an
//! idempotency key in the request, the handler runs once and the retry gets the first answer. One
//! attribute makes it so:
//!
//! ```
//! use actix_web::{HttpResponse, Responder, post, web};
//! use idempotent_runtime::idempotent;
//!
//! #[post("/orders")]
//! #[idempotent]
//! async fn create_order(order: web::Json<serde_json::Value>) -> impl Responder {
//!     HttpResponse::Created().json(order)
//! }
//! # let _ = actix_web::App::new().service(create_order);
//! ```
//!
#![doc = include_str!("guide/diagrams/retry.md")]
//!
//! ![A retry: the client sends a POST with a key, the handler makes one order and answers 201. The
//! answer is lost. The client sends the same request with the same key, and gets the stored answer.
//! The handler does not run again.][diagram-retry]
//!
//! The client sends `Idempotency-Key: <anything unique>`, a new one for each thing that it wants
//! done. The first request with a key runs. Every other one gets its response, marked
//! `Idempotent-Replayed: true`.
//!
//! **With no set-up, keys are in the memory of the process. A restart forgets them, and a retry
//! after it runs the handler again.** An [`Idempotency`] with a [`Store`] keeps them.
//!
//! | you look for | it is here |
//! | --- | --- |
//! | what to decide for an endpoint, and recipes | the [guide] |
//! | pictures of a retry, a crash, a transaction | [`guide::cases`] |
//! | what a refusal means | [`guide::errors`] |
//! | the attribute's arguments | [`idempotent`] |
//! | the settings of an application | [`IdempotencyBuilder`] |
//! | where keys are kept | [`guide::stores`], [`Store`] |
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `sqlite` | keys in a SQLite file, and transactions that commit with their response |
//! | `postgres` | keys in a PostgreSQL table, and the same transactions |
//! | `sea-orm` | the same transactions as SeaORM 2's, with `postgres` |
//! | `diesel-async` | those of Diesel, through diesel-async 0.9, with `postgres` |
//! | `redis` | keys in Redis |
//! | `metrics` | requests, executions and stores, counted for the application's recorder |
//! | `openapi` | documents of `utoipa` that describe annotated handlers as idempotent |
//! | `admin` | a scope in which operators see and end keys |
//! | `testing` | tests of an application's own endpoints |
//! | `conformance` | the suite that a store of one's own has to pass |
//!
//! None is on by default. `catalog` is turned on by those that need it.

// What an item needs is written beside it, by the compiler that docs.rs takes.
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate self as idempotent_runtime;

#[cfg(feature = "admin")]
pub mod admin;
mod attempt;
mod backoff;
#[cfg(feature = "catalog")]
#[cfg_attr(
    not(any(feature = "openapi", feature = "admin")),
    allow(dead_code, reason = "without a feature that tells of policies, nothing does")
)]
mod catalog;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod context;
mod engine;
mod execution;
mod flight;
#[doc(hidden)]
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod guide;
mod idempotency;
#[cfg(feature = "metrics")]
pub mod metrics;
mod middleware;
#[cfg(test)]
mod model;
mod observe;
mod once;
#[cfg(feature = "openapi")]
pub mod openapi;
mod operate;
mod places;
mod policy;
mod policy_macro;
mod policy_ref;
mod poll_once;
mod principal;
#[doc(hidden)]
pub mod private;
mod reason;
mod reconcile;
mod record;
mod recovery;
mod request;
mod response;
mod run;
mod shards;
pub mod store;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod transaction;
mod watch;

pub use idempotent_macros::idempotent;

// Items of `clock` and `store` would be bare lines of re-exports without this.
#[doc(inline)]
pub use crate::{
    clock::{Clock, ManualClock, SystemClock, WallClock},
    context::{CheckpointError, CheckpointFailure, IdempotencyContext, OnceContext},
    engine::{Idempotency, OnStoreError},
    idempotency::{BuildError, Drained, IdempotencyBuilder, NewHandle, SameStore, serve},
    middleware::{Covering, Idempotent, IdempotentBuilder},
    observe::{Event, KeyHash, Listener, MemoryUse, Outcome, Sample},
    once::{Once, OnceBuilder, OnceError},
    operate::{
        CallerHash, CallerHashError, CallerUsage, EndpointUsage, Entry, EntryError, EntryRef, EntryState,
        EntryVersion, EntryVersionError, Forgotten, Freed, ResolveError, Resolved, StuckEntries, Usage,
    },
    policy::{Abandoned, Fingerprint, KeySource, Replay, Scope},
    reason::RefusalCode,
    reconcile::{AbandonedExecution, AbandonedRequest, Resolution},
    recovery::ReconcileStuckError,
    request::{
        Address, AddressError, Credential, EntryName, KeyFormat, Principal, PrincipalFn, RequestFingerprint,
    },
    response::{ProblemFormat, Refusal},
    store::{MemoryStore, MemoryStoreBuilder, SetupError, Store, StoreError, StuckCursor, WhenFull},
};

#[cfg(feature = "diesel-async")]
#[doc(inline)]
pub use crate::store::DieselPg;
#[cfg(feature = "sea-orm")]
#[doc(inline)]
pub use crate::store::SeaOrm;
#[cfg(feature = "postgres")]
#[doc(inline)]
pub use crate::store::{PoolMode, PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "redis")]
#[doc(inline)]
pub use crate::store::{RedisConnection, RedisStore, RedisStoreBuilder};
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use crate::store::{SqliteStore, SqliteStoreBuilder};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use crate::transaction::{
    IdempotentTx, TransactionError, TransactionErrorKind, TransactionFailure, TransactionalDatabase,
};

#[doc(hidden)]
pub use crate::private as __private;
