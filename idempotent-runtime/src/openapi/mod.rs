//! OpenAPI documentation of annotated handlers (feature `openapi`, with
//! [utoipa](https://docs.rs/utoipa) 6).
//!
//! A handler with [`#[idempotent]`](crate::idempotent) and `#[utoipa::path]`, in any order, is
//! documented as idempotent without being described a second time:
//!
//! ```
//! use actix_web::{HttpResponse, post};
//! use idempotent_runtime::{idempotent, openapi::Policies};
//! use utoipa::OpenApi;
//!
//! #[utoipa::path(responses((status = 201, description = "The order was made")))]
//! #[post("/orders")]
//! #[idempotent(ttl = "24h")]
//! async fn create_order(order: String) -> HttpResponse {
//!     HttpResponse::Created().body(order)
//! }
//!
//! #[derive(OpenApi)]
//! #[openapi(paths(create_order), modifiers(&Policies))]
//! struct Api;
//!
//! fn main() {
//!     let document = serde_json::to_value(Api::openapi()).unwrap();
//!     let order = &document["paths"]["/orders"]["post"];
//!     assert_eq!(order["parameters"][0]["name"], "idempotency-key");
//!     assert!(order["responses"]["409"].is_object());
//!     assert_eq!(order["x-idempotency"]["ttl_seconds"], 86400);
//! }
//! ```
//!
//! An operation gets
//!
//! 1. the header parameter, required or optional, with its format and an example;
//! 2. the refusals that its policy can give, below what is already documented for their status: a
//!    schema, and an example for each code, as the server sends it;
//! 3. the headers `Idempotent-Replayed` and `Idempotency-Stored`, on the responses that are stored;
//! 4. the extension `x-idempotency`: what clients may rely on. Above all it has the time for which
//!    keys are kept, which section 2.3 of the IETF draft asks a resource to publish. It is `false`
//!    where a middleware refuses every request, since it cannot do what the handler asks for.
//!
//! An argument that an attribute leaves out is told as it is in force: by the defaults of the
//! handle that the document is made with. A scope with [settings of its own](Idempotency::with) is
//! told by its own handle, before the rest: `Documentation::of(&own).under("/v1")`.
//!
//! [`Policies`] is for applications without settings of their own. [`Documentation::of`] an
//! [`Idempotency`] describes header, formats, statuses and limits as they are set there. It is also
//! for documents that are put together at run time (`utoipa-actix-web`).
//!
//! # Operations and handlers
//!
//! A document does not say which function an operation was made of. An operation is taken for a
//! handler's when it has three things: its method, its path, perhaps below a prefix (`nest`,
//! `context_path`, scopes), and all that utoipa says of the handler, `operation_id` included. So:
//!
//! - Handlers of the same name and path in different modules are told apart by their documentation,
//!   or by a tag. utoipa gives a tag to a handler that is named by its path (`paths(v1::create)`),
//!   and to a nested document.
//! - Where that does not tell them apart, nothing is documented: [`Documentation::add_to`] returns
//!   an error that names the operations, and [`Policies`] logs it. OpenAPI wants each operation to
//!   have an `operation_id` of its own. With one, everything is clear. Or say with
//!   [`within`](Documentation::within) and [`under`](Documentation::under) what belongs together.
//! - A modifier that changes operations goes after this one.
//! - A handler that is declared inside a function, or described with `impl_for`, is not found.
//!   [`unprotected`] lists its operation.

mod extension;
mod headers;
mod matching;
mod refusals;
mod shared;
mod terms;
mod unprotected;

use utoipa::{Modify, openapi::OpenApi};

use crate::{
    engine::Idempotency,
    middleware::Idempotent,
    policy::{Defaults, Policy},
    run::{missed, tell_of, tell_of_refusal},
};
use matching::{Found, Operations};
use terms::Terms;
pub use unprotected::{Ambiguous, Unprotected};

/// Documents every annotated handler of the process, with the settings of an application that has
/// set nothing: `#[openapi(modifiers(&Policies))]`.
///
/// Operations that it cannot tell apart stay as they are, and it logs them.
#[derive(Clone, Copy, Debug)]
pub struct Policies;

impl Modify for Policies {
    fn modify(&self, openapi: &mut OpenApi) {
        Documentation::default().modify(openapi);
    }
}

/// Documentation of annotated handlers, by the settings of one [`Idempotency`].
///
/// ```
/// use idempotent_runtime::{Idempotency, openapi::Documentation};
/// # use utoipa::OpenApi;
/// # #[derive(OpenApi)]
/// # struct Api;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let idempotency = Idempotency::builder().header_name("X-Request-Id").build()?;
/// let mut document = Api::openapi();
/// Documentation::of(&idempotency).add_to(&mut document)?;
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
#[must_use = "nothing is documented before `add_to`"]
pub struct Documentation {
    terms: Terms,
    within: Option<String>,
    under: Option<String>,
    covered_by: Option<Idempotent>,
}

impl Documentation {
    /// Documentation by the settings of `idempotency`. If the application has a format of refusals
    /// of its own, it is called for the examples.
    ///
    /// [`Documentation::default`] is by the settings of an application that has set nothing.
    pub fn of(idempotency: &Idempotency) -> Self {
        let terms = Terms::of(&idempotency.0.settings, &idempotency.0.refusals);
        Documentation { terms, within: None, under: None, covered_by: None }
    }

    /// Restricts it to handlers in this module and below, as `module_path!()` says it: `shop::v1`.
    pub fn within(mut self, module: impl Into<String>) -> Self {
        self.within = Some(module.into());
        self
    }

    /// Restricts it to operations whose path starts with `prefix`, such as those of a scope that
    /// has an [`Idempotency`] of its own: `/v1`.
    pub fn under(mut self, prefix: impl Into<String>) -> Self {
        self.under = Some(prefix.into());
        self
    }

    /// Describes what the middleware `idempotent` covers, too: every POST and PATCH operation but
    /// those that it excepts. Say with [`under`](Self::under) where the middleware is, and describe
    /// the rest of the document afterwards.
    ///
    /// ```
    /// use idempotent_runtime::{Idempotency, Idempotent, openapi::{Documentation, unprotected}};
    /// # use utoipa::OpenApi;
    /// # #[derive(OpenApi)]
    /// # struct Api;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::builder().build()?;
    /// let idempotent = Idempotent::builder().except("/v1/hooks/{id}").build()?;
    /// let mut document = Api::openapi();
    /// Documentation::of(&idempotency).under("/v1").covered_by(&idempotent).add_to(&mut document)?;
    /// Documentation::of(&idempotency).add_to(&mut document)?;
    /// assert_eq!(unprotected(&document), []);
    /// # Ok(()) }
    /// ```
    ///
    /// An annotated handler that the middleware does not except is described as the middleware
    /// treats it, and the log tells of it with the pattern to except. One with arguments that the
    /// middleware cannot do without, such as `transaction`, is described as refused:
    /// [`unprotected`] lists it.
    pub fn covered_by(mut self, idempotent: &Idempotent) -> Self {
        self.covered_by = Some(idempotent.clone());
        self
    }

    /// Describes the operations of annotated handlers as idempotent. Operations that are described
    /// so already stay as they are.
    ///
    /// # Errors
    /// Operations that cannot be told apart. They are left as they are, and all others are
    /// described.
    pub fn add_to(&self, openapi: &mut OpenApi) -> Result<(), Ambiguous> {
        let Operations { clear, unclear, uncovered, .. } = self.find(openapi);
        for Found { path, method, entry } in &clear {
            let (handler, own) = (entry.policy.handler, &entry.policy);
            let Some(covering) = self.covering(method, path) else {
                self.describe(openapi, path, method, own);
                continue;
            };
            match missed(own, covering) {
                Some(argument) => {
                    tell_of_refusal(handler, Some(path), argument);
                    Operations::get_mut(openapi, path, method).map(extension::refuse);
                }
                None => {
                    tell_of(handler, Some(path));
                    self.describe(openapi, path, method, covering);
                }
            }
        }
        let mut operations = Vec::new();
        for Unprotected { path, method, .. } in &uncovered {
            if let Some(policy) = self.covering(method, path) {
                self.describe(openapi, path, method, policy);
            }
        }
        for operation in unclear {
            match self.covering(operation.method, &operation.path) {
                Some(policy) => self.describe(openapi, &operation.path, operation.method, policy),
                None => operations.push(operation),
            }
        }
        if operations.is_empty() { Ok(()) } else { Err(Ambiguous { operations }) }
    }

    /// Policy of the middleware that covers this operation.
    fn covering(&self, method: &str, path: &str) -> Option<&Policy> {
        let idempotent = self.covered_by.as_ref()?;
        idempotent.covers(method, path).then(|| idempotent.policy())
    }

    fn describe(&self, openapi: &mut OpenApi, path: &str, method: &str, policy: &Policy) {
        let Some(operation) = Operations::get_mut(openapi, path, method) else { return };
        let mut operation = std::mem::take(operation);
        headers::describe(&mut operation, openapi.components.as_ref(), policy, &self.terms);
        refusals::describe(&mut operation, openapi, policy, &self.terms);
        extension::describe(&mut operation, policy, &self.terms);
        if let Some(place) = Operations::get_mut(openapi, path, method) {
            *place = operation;
        }
    }

    fn find(&self, openapi: &OpenApi) -> Operations {
        let Documentation { terms, within, under, .. } = self;
        Operations::find(openapi, within.as_deref(), under.as_deref(), &terms.defaults)
    }
}

impl Modify for Documentation {
    /// Does the same as [`add_to`](Documentation::add_to), and logs operations that cannot be told
    /// apart.
    fn modify(&self, openapi: &mut OpenApi) {
        if let Err(error) = self.add_to(openapi) {
            tracing::error!("{error}");
        }
    }
}

/// Lists the POST and PATCH operations of a document that no policy covers, for a test of one line:
///
/// ```
/// # use utoipa::OpenApi;
/// # #[derive(OpenApi)]
/// # struct Api;
/// use idempotent_runtime::openapi::unprotected;
///
/// assert_eq!(unprotected(&Api::openapi()), []);
/// ```
///
/// The document may have been described by [`Documentation`] before, or not. What a middleware
/// covers it knows once the document is described with
/// [`covered_by`](Documentation::covered_by). An operation that
/// cannot be told from another one is in the list.
pub fn unprotected(openapi: &OpenApi) -> Vec<Unprotected> {
    let mut found = Operations::find(openapi, None, None, &Defaults::UNSET);
    found.uncovered.append(&mut found.unclear);
    found.uncovered.append(&mut found.refused);
    found.uncovered.retain(|operation| matches!(operation.method, "POST" | "PATCH"));
    found.uncovered.sort_by(|a, b| (&a.path, a.method).cmp(&(&b.path, b.method)));
    found.uncovered
}
