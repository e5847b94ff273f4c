//! The `#[idempotent]` attribute of [idempotent-runtime]; use it from there.
//!
//! The macro holds no behaviour. It reads `args`, the `handler`'s signature and the attributes
//! beside it, its `neighbours`. It checks them into a `policy` and hands everything to one function
//! of the runtime: see `expand` for a picture. Mistakes are collected in `errors`, so that one
//! build tells all of them.
//!
//! [idempotent-runtime]: https://docs.rs/idempotent-runtime

use proc_macro::TokenStream;

mod args;
mod attributes;
mod duration;
mod emit;
mod errors;
mod expand;
mod handler;
mod headers;
mod key;
mod methods;
mod neighbours;
mod policy;
mod routes;
mod suggest;

/// Makes an actix-web handler safe to retry: a request repeated with the same `Idempotency-Key`
/// runs once, and gets the first answer again.
///
/// # Syntax
///
/// ```text
/// #[idempotent]
/// #[idempotent(name = value, …)]
/// ```
///
/// # Arguments
///
/// | argument | values | default | meaning |
/// | --- | --- | --- | --- |
/// | `ttl` | a duration, at most `"36500d"` | `"24h"` | how long the response is replayed |
/// | `scope` | `"endpoint"`, `"resource"`, `"global"`, `"group:NAME"` | the first | a key's reach |
/// | `required` | `true`, `false` | `true` | without a key: 400, or no protection |
/// | `wait` | a duration shorter than `ttl` | `"10s"` | how long a duplicate waits |
/// | `replay` | `"all"`, `"final"`, `"success"` | `"all"` | which responses are stored |
/// | `fingerprint` | `"raw"`, `"canonical"`, a path | `"raw"` | how two requests are compared |
/// | `principal` | a path | the application's | who calls this endpoint |
/// | `key` | a place such as `"json:/id"`, a path | the application's header | where the key is |
/// | `abandoned` | `"refuse"`, `"rerun"` | `"refuse"` | what a retry gets after a crash |
/// | `headers` | names with commas | none | request headers that are compared too |
/// | `transaction` | a flag | off | one database transaction for everything |
///
/// The defaults of `ttl`, `required`, `wait`, `replay` and `abandoned` are those of an application
/// that has set none: `Idempotency::builder()` sets them at run time. What is written here wins.
///
/// - `ttl`: a duration such as `"90s"`, `"15m"`, `"24h"`, `"3d"` or `"1h 30m"`, counted from
///   completion.
/// - `scope`: the space within which a key is unique. `"endpoint"` is method and route pattern,
///   `"resource"` method and concrete path, `"global"` the application, and `"group:NAME"` all
///   endpoints that name the group. A group's name is 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_`,
///   `-`.
/// - `required`: with `true`, a request without a key gets 400. With `false`, the handler runs
///   unprotected.
/// - `wait`: how long a duplicate waits for the execution already running. `"0s"` answers 409 at
///   once. The default is half the `ttl` if that is less than 10 seconds. A `wait` that is not
///   shorter than a ttl that the application sets is cut to half of it.
/// - `replay`: `"final"` stores all responses but 5xx, `"success"` stores 2xx and 3xx. Any other
///   response frees the key for the next attempt.
/// - `fingerprint`: the path is that of a `fn(&HttpRequest, &[u8]) -> Vec<u8>`.
/// - `principal`: the path is that of an async function with extractors that returns a
///   `Result<Principal, actix_web::Error>`.
/// - `key`: the place is `"header:NAME"`, `"json:/POINTER"`, `"form:NAME"` or `"query:NAME"`. A
///   pointer is one of RFC 6901, such as `"json:/data/id"`, to a string or an integer. A key in the
///   body is found after the whole body has arrived. The path is that of a
///   `fn(&HttpRequest, &[u8]) -> Option<String>`, where `None` is "no key"; what begins with
///   `header:`, `json:`, `form:` or `query:` is never a path.
/// - `abandoned`: what a retry gets when the earlier execution died without an outcome.
/// - `headers`: for instance `"X-Api-Version, Accept"`. Handlers of one method and pattern that a
///   guard tells apart name here what tells them apart.
/// - `transaction`: the handler's rows, the claim and the response commit in one database
///   transaction; see `IdempotentTx`. It does not stand beside `replay` and `abandoned`, which it
///   decides.
///
/// # Notes
///
/// - The handler is an `async fn` with any of actix's extractors and any `Responder`. It may be
///   generic. Inside, it stays as it is; the function that is registered under its name takes the
///   raw request instead of the extractors. Code that calls the handler directly, a unit test for
///   instance, calls something with other arguments: move what it needs to a function of its own.
/// - The attribute works above and below route macros (`#[post]`, `#[route]`, `#[routes]`) and with
///   `web::post().to(handler)`. Route macros, documentation, `cfg`, lint levels, `must_use` and
///   `deprecated` stay with the registered function. Every other attribute below this one,
///   `#[tracing::instrument]` for instance, goes to the handler, since it may name the handler's
///   arguments.
/// - The handler is polled where the request is polled, so what a middleware puts around a request
///   (task-locals, a Sentry hub, flash messages) is around the handler too. A client that hangs up
///   does not end the handler: it moves to a task of its own, in the request's tracing span,
///   without the task-locals. Hand on in the request's extensions what the handler needs even then.
/// - Authentication in an extractor of the handler does not guard replays: a replay runs no
///   handler. Name who calls, with `principal` or for the whole application, or authenticate in
///   middleware; both come before every replay.
/// - `#[utoipa::path]` reads the extractors from the arguments, so write it above this attribute.
/// - Beside `#[get]`, `#[head]`, `#[options]`, `#[trace]` or `#[query]` alone the attribute is an
///   error: safe methods can be repeated as they are (RFC 9110, section 9.2.1).
/// - A `ttl` under 24 hours is a warning, since a retry that comes after it is a new execution.
///   `#[allow(deprecated)]` on the handler, above or below this attribute, says that it is meant.
///
/// # Examples
///
/// ```text
/// use actix_web::{HttpResponse, Responder, post, web};
/// use idempotent_runtime::idempotent;
///
/// #[post("/orders")]
/// #[idempotent(ttl = "24h", scope = "endpoint")]
/// async fn create_order(order: web::Json<NewOrder>) -> impl Responder {
///     HttpResponse::Created().json(store(order))
/// }
/// ```
///
/// Failures of the server may be tried again, and a proxy that reorders JSON does not make another
/// request of it:
///
/// ```text
/// #[post("/accounts/{id}/transfers")]
/// #[idempotent(ttl = "3d", scope = "resource", replay = "final", fingerprint = "canonical")]
/// async fn transfer(
///     id: web::Path<Uuid>,
///     transfer: web::Json<Transfer>,
/// ) -> Result<HttpResponse, TransferError> {
///     …
/// }
/// ```
#[proc_macro_attribute]
pub fn idempotent(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(args.into(), item.into(), &neighbours::Neighbours::call_site()).into()
}
