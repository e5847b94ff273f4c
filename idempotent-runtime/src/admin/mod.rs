//! A scope in which operators see what an application does with keys, and end what nobody else can
//! (feature `admin`).
//!
//! It is mounted by [`admin_scope`], which asks for a guard: who passes it may see and do
//! everything here.
//!
//! ```
//! use actix_web::{App, guard::Header};
//! use idempotent_runtime::{Idempotency, admin::admin_scope};
//!
//! # fn main() -> Result<(), idempotent_runtime::BuildError> {
//! let idempotency = Idempotency::builder().build()?;
//! # static TOKEN: &str = "Bearer 5f2c";
//! let app = App::new().app_data(idempotency.clone()).service(admin_scope(Header("authorization", TOKEN)));
//! # let _ = app;
//! # Ok(()) }
//! ```
//!
//! | route | what it answers |
//! | --- | --- |
//! | `GET /idempotency/policies` | `policies`: what holds for each annotated handler of this process |
//! | `GET /idempotency/counters` | `endpoints`: how many requests of this process have ended with which [`Outcome`](crate::Outcome); and a [`Sample`](crate::Sample) |
//! | `GET /idempotency/usage` | `endpoints` and `callers`: [who fills](crate::Idempotency::usage) the memory of this process, the largest first |
//! | `GET /idempotency/stuck?limit=100&after=…` | `entries`: [those that wait for somebody](crate::Idempotency::stuck), at most 1,000; `next`: where to go on, or `null` |
//! | `POST /idempotency/inspect` | [what has become of an entry](crate::Idempotency::inspect), and its `version` |
//! | `POST /idempotency/forget` | `address`: its key [is free](crate::Idempotency::forget), the entry being what the `version` says; or `keys` and `bytes`: what a `caller` [has held](crate::Idempotency::forget_caller) |
//! | `POST /idempotency/resolve` | `address`: it [has ended](crate::Idempotency::resolve) as was asked |
//!
//! It tells of the [`Idempotency`](crate::Idempotency) that holds where it is mounted. Policies,
//! the counts of `endpoints` and `waiting` are those of the whole process, under whichever handle.
//! Durations are seconds. No answer holds a key, a principal or a body, and none may be cached.
//!
//! # What is sent
//!
//! A `POST` takes `application/json`, and names an `entry`: by what its address is made of, as
//! [`EntryName`](crate::EntryName) does, or by the `address` that answers and lists show, whose
//! first eight digits are the `key` of events and spans. A key is never in a URL, since those are
//! logged.
//!
//! ```json
//! {"entry": {"scope": "endpoint", "method": "POST", "route": "/orders", "principal": "customer:42", "key": "8e03978e"}}
//! {"entry": {"scope": "resource", "method": "POST", "path": "/accounts/7/transfers", "key": "8e03978e"}}
//! {"entry": {"scope": "group:payments", "key": "8e03978e"}}
//! {"entry": {"address": "b3c1…, 64 digits"}}
//! ```
//!
//! The parts are those of the endpoint: its `scope` is in `policies`, `method` and `route` (the
//! pattern, such as `/orders/{id}`, with the scopes it is mounted below) are in the route's
//! declaration, `path` is the one that was asked for, in any spelling. `counters` lists the routes
//! that were called so far.
//!
//! `scope` is `endpoint` where it is missing, and `principal` nobody in particular; a principal
//! that is no text is found by its entries' addresses only.
//!
//! To `forget` an entry say which one you have seen, by the `version` that `inspect` and `stuck`
//! show of it. It is part of a hash of the entry and its state, with which nothing can be done but
//! this. What has become another one meanwhile is not forgotten, and shown instead.
//!
//! ```json
//! {"entry": …, "version": "5d1f0c2b9a7e4386"}
//! ```
//!
//! To `forget` all that one caller holds in this process's memory, but for what runs, say which
//! `caller`, as `usage` shows it. It is a hash that only this process knows how to make. Each of
//! its keys is free then, and a retry runs a second time.
//!
//! ```json
//! {"caller": "c7a90b3f51e2d864"}
//! ```
//!
//! To `resolve` there is more to say: the `outcome`, one of `rerun`, `refuse` and `complete`, and
//! with the last the `response` that whoever asks again is to get. With the statuses 204, 205 and
//! 304 that has no `body`.
//!
//! ```json
//! {"entry": …, "outcome": "complete",
//!  "response": {"status": 201, "headers": [["content-type", "application/json"]], "body": "{\"order\": 7}"}}
//! ```
//!
//! # What is refused
//!
//! As `application/problem+json`, with a `code`:
//!
//! | status | `code` | when |
//! | --- | --- | --- |
//! | 400 | `malformed` | what was sent is not JSON |
//! | 422 | `invalid` | it is, and says something that cannot be; `detail` tells what |
//! | 413, 408, 415 | `too_large`, `too_slow`, `not_json` | a body longer than 64 KiB, or, for `resolve`, than that and twice `max_response_body`; one that does not arrive; one of another type |
//! | 404 | `not_found` | there is no entry of this name: the key was not used, or is free again, or scope, method, route, path or principal are not the endpoint's; no such caller holds anything |
//! | 404, 405 | `no_route`, `no_method` | there is no such route, or not with this method |
//! | 409 | `running` | the request runs, as far as anybody knows: nothing was done |
//! | 409 | `changed` | something has become of the entry to be forgotten since it was looked at: nothing was done, and `entry` is what there is now |
//! | 409 | `settled` | the request to be resolved has its outcome: nothing was done |
//! | 503 | `store_failed` | the store failed, or is one that cannot do this; the log tells more. What was asked may have been done: asking again tells |
//! | 503 | `busy` | four requests to the store are under way in this process already |
//!
//! # What to know
//!
//! - To whoever does not pass the guard, there is no such scope: the request goes on to the
//!   application's other services.
//! - A guard that lets anybody in is none. One that admits a request without headers, credentials
//!   and an address is not mounted, and the log says so; one that admits others of whom it knows
//!   nothing cannot be told from a good one. Compare secrets in constant time where timing is a
//!   concern, and serve the scope where only operators reach it.
//! - Operators are those of the store. A look-up by parts finds what has the application's
//!   `namespace`, but an `address` does not say whose it is: `stuck` lists what all namespaces of
//!   the store have, and that can be looked at and ended by its address. Where operators of one
//!   application are not to reach another one's entries give each its own schema, prefix or file.
//! - At most four requests of a process ask its store at a time, so that a flood of them takes
//!   nothing that claims need.
//! - Requests are counted once a scope is mounted, and only then: each costs an allocation and a
//!   few readings of the clock.
//! - It is a [`Scope`]: it goes below others, and takes middleware, such as one that logs who has
//!   done what. What was forgotten or resolved is logged by its address.

mod asked;
mod open_door;
mod places;
mod problem;
mod routes;
mod told;

use actix_web::{
    Scope,
    guard::{Guard, fn_guard},
};

use crate::observe::counts;
pub(crate) use places::Places;

/// The scope `/idempotency`, for those whom `guard` admits. See the [module](self) for its routes.
///
/// A guard that would admit anybody is an error in the log, and a scope that admits nobody.
pub fn admin_scope(guard: impl Guard + 'static) -> Scope {
    let scope = Scope::new("/idempotency");
    if open_door::admits_anybody(&guard) {
        tracing::error!(
            "the admin scope is not mounted: its guard admits a request that says nothing of who sends it"
        );
        return scope.guard(fn_guard(|_| false));
    }
    counts::begin();
    routes::mount(scope.guard(guard))
}
