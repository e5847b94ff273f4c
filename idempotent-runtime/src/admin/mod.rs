//! A scope in which operators see what an application does with keys, and end keys that nothing
//! else ends (feature `admin`).
//!
//! It is mounted by [`admin_scope`], which asks for a guard: everybody who passes it may see and do
//! everything here.
//!
//! ```
//! use actix_web::{App, guard::Header};
//! use idempotent_runtime::{Idempotency, admin::admin_scope};
//!
//! # fn main() -> Result<(), idempotent_runtime::BuildError> {
//! let idempotency = Idempotency::builder().build()?;
//! # static TOKEN: &str = "Bearer 5f2c";
//! let operators = admin_scope(Header("authorization", TOKEN));
//! let app = App::new().app_data(idempotency.clone()).service(operators);
//! # let _ = app;
//! # Ok(()) }
//! ```
//!
//! | route | answer |
//! | --- | --- |
//! | `GET /idempotency/policies` | `policies`: one per annotated handler of this process |
//! | `GET /idempotency/counters` | `endpoints`: ended requests by outcome; and a sample |
//! | `GET /idempotency/usage` | `endpoints` and `callers` in memory, the largest first |
//! | `GET /idempotency/stuck?limit=100&after=…&endpoint=…` | `entries`, and the `next` place |
//! | `POST /idempotency/inspect` | the state of an entry, and its `version` |
//! | `POST /idempotency/forget` | `address` of the entry, or `keys` and `bytes` of the `caller` |
//! | `POST /idempotency/resolve` | `address` of the entry |
//!
//! - `policies` are those in force. An endpoint that has had a request is shown by the settings of
//!   its own handle, if that is this one or one that [`with`](crate::Idempotency::with) has made of
//!   it. Any other is shown by the settings of this one. A handler whose endpoints differ is there
//!   once for each, with its `route`, and so is each endpoint below an
//!   [`Idempotent`](crate::Idempotent) that has had a request.
//! - `counters` has the number of requests of this process for each [`Outcome`](crate::Outcome),
//!   and a [`Sample`](crate::Sample).
//! - `usage` tells [who fills](crate::Idempotency::usage) the memory of this process.
//! - `stuck` lists [entries that wait for somebody](crate::Idempotency::stuck), at most 1,000. With
//!   an `endpoint`, such as `POST /orders/{id}` or the name of an operation, it lists those of that
//!   one. After the last page `next` is `null`.
//! - `inspect` does what [`Idempotency::inspect`](crate::Idempotency::inspect) does.
//! - After `forget` the key of the entry [is free](crate::Idempotency::forget), if the entry is
//!   still what the `version` says. Or all keys that the `caller`
//!   [held](crate::Idempotency::forget_caller) are free.
//! - After `resolve` the entry [has ended](crate::Idempotency::resolve) as was asked.
//!
//! It shows the [`Idempotency`](crate::Idempotency) that holds where it is mounted. Policies, the
//! counts of `endpoints` and `waiting` are those of the whole process, under every handle.
//! Durations are seconds. An entry tells its [`endpoint`](crate::Entry::endpoint). No answer holds
//! a key, a principal or a body, and none may be cached.
//!
//! For people there is a page over it, [`console`].
//!
//! # Requests
//!
//! A `POST` takes `application/json`, and names an `entry`. It is named by the parts of its
//! address, as in [`EntryName`](crate::EntryName), or by the `address` that answers and lists show,
//! whose first eight digits are the `key` of events and spans. A key is never in a URL, since URLs
//! are logged.
//!
//! ```json
//! {"entry": {"scope": "endpoint", "method": "POST", "route": "/orders",
//!            "principal": "customer:42", "key": "8e03978e"}}
//! {"entry": {"scope": "resource", "method": "POST", "path": "/accounts/7/transfers",
//!            "key": "8e03978e"}}
//! {"entry": {"scope": "group:payments", "key": "8e03978e"}}
//! {"entry": {"operation": "settle", "key": "message-1"}}
//! {"entry": {"address": "b3c1…, 64 digits"}}
//! ```
//!
//! The parts are those of the endpoint. Its `scope` is in `policies`. `method` and `route` are in
//! the route's declaration: `route` is the pattern, such as `/orders/{id}`, with the scopes that it
//! is mounted below. `path` is the one that was requested, in any spelling. `counters` lists the
//! routes that were called so far.
//!
//! `scope` is `endpoint` where it is missing, and `principal` nobody in particular. An entry of
//! [`once`](crate::Idempotency::once) has an `operation`, and no `scope`. An entry of another
//! application or environment is found with its `namespace`. Entries whose principal, operation or
//! key is no text are found only by their addresses.
//!
//! To `forget` an entry say which one you have seen, by the `version` that `inspect` and `stuck`
//! show of it. The version is part of a hash of the entry and its state, and is of use for nothing
//! else. An entry that has become another one meanwhile is not forgotten, and shown instead.
//!
//! ```json
//! {"entry": …, "version": "5d1f0c2b9a7e4386"}
//! ```
//!
//! To `forget` all that one caller holds in this process's memory, without the requests that run,
//! say which `caller`, as `usage` shows it. It is a hash that only this process can make. Each of
//! the caller's keys is free then, and a retry runs a second time.
//!
//! ```json
//! {"caller": "c7a90b3f51e2d864"}
//! ```
//!
//! To `resolve` there is more to say: the `outcome`, one of `rerun`, `refuse` and `complete`. With
//! `complete` comes the `response` that retries are to get. With the statuses 204, 205 and 304 it
//! has no `body`.
//!
//! ```json
//! {"entry": …, "outcome": "complete",
//!  "response": {"status": 201, "headers": [["content-type", "application/json"]],
//!               "body": "{\"order\": 7}"}}
//! ```
//!
//! # Refusals
//!
//! They are `application/problem+json`, with a `code`:
//!
//! | status | `code` | reason |
//! | --- | --- | --- |
//! | 400 | `malformed` | the body is not JSON |
//! | 422 | `invalid` | the JSON says something that cannot be; `detail` tells what |
//! | 413 | `too_large` | the body is longer than the limit |
//! | 408 | `too_slow` | the body does not arrive |
//! | 415 | `not_json` | the body is of another type |
//! | 404 | `not_found` | there is no entry of this name, or no such caller holds anything |
//! | 404, 405 | `no_route`, `no_method` | there is no such route, or not with this method |
//! | 409 | `running` | the request runs, as far as anybody knows: nothing was done |
//! | 409 | `changed` | the entry has changed since it was looked at: nothing was done |
//! | 409 | `settled` | the request to be resolved has its outcome: nothing was done |
//! | 503 | `store_failed` | the store failed, or is one that cannot do this; the log tells more |
//! | 503 | `busy` | four requests to the store are under way in this process already |
//!
//! - `too_large`: the limit is 64 KiB. For `resolve` it is that and twice `max_response_body`.
//! - `not_found`: the key was not used, or is free again, or scope, method, route, path or
//!   principal are not the endpoint's.
//! - `changed`: `entry` is the entry to be forgotten, as it is now.
//! - `store_failed`: the operation may have been done, and asking again tells.
//!
//! # What to know
//!
//! - For a request that does not pass the guard there is no such scope: the request goes on to the
//!   application's other services.
//! - A guard that lets everybody in is no guard. One that admits a request without headers,
//!   credentials and an address is not mounted, and the log says so. One that admits other requests
//!   of unknown origin cannot be told from a good one. Compare secrets in constant time where
//!   timing is a concern, and serve the scope where only operators reach it.
//! - Operators are those of the store. A look-up by parts finds entries of the application's
//!   namespace, unless it names another one, and an `address` does not say whose it is. `stuck`
//!   lists entries of all namespaces of the store, and each can be looked at and ended by its
//!   address. If operators of one application are not to reach another one's entries give each its
//!   own schema, prefix or file.
//! - At most four requests of a process ask its store at a time, so that a flood of them takes
//!   nothing that claims need.
//! - Requests are counted once a scope is mounted, and only then: each costs an allocation and a
//!   few readings of the clock.
//! - It is a [`Scope`]: it goes below others, and takes middleware, such as one that logs who has
//!   done what. Entries that were forgotten or resolved are logged by their addresses.

mod console;
mod guard_check;
mod limit;
mod problem;
mod requests;
mod responses;
mod routes;

use actix_web::{
    Scope,
    guard::{Guard, fn_guard},
};

pub use self::console::console;
use crate::observe::counts;

/// Makes the scope `/idempotency`, for requests that `guard` admits. See the [module](self) for its
/// routes.
///
/// A guard that would admit everybody is an error in the log, and the scope then admits nobody.
pub fn admin_scope(guard: impl Guard + 'static) -> Scope {
    let scope = Scope::new("/idempotency");
    if guard_check::admits_anybody(&guard) {
        tracing::error!(
            "the admin scope is not mounted: its guard admits a request that says nothing of who sends it"
        );
        return scope.guard(fn_guard(|_| false));
    }
    counts::begin();
    // The page is there for whoever opens it, whether it is mounted before this scope or after.
    routes::mount(scope.guard(guard).guard(fn_guard(|request| !console::is_at(request.head().uri.path()))))
}
