//! The policies of this process: one entry for each annotated handler of all its crates, collected
//! before `main`.
//!
//! A handler is here whether or not it is registered with an application.

#[cfg(feature = "openapi")]
mod described;

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, http::Method};

#[cfg(feature = "openapi")]
pub use described::{Described, Probe, Undocumented};

use crate::{
    policy::Policy,
    principal::{Principal, PrincipalFuture},
    request::KeyFormat,
};

/// One annotated handler.
#[derive(Debug)]
pub struct Entry {
    /// Policy that its attribute declares. A function, of a fingerprint or a principal, says only
    /// that there is one: it must not be called.
    pub policy: Policy,
    /// Routes that actix's route macros beside the attribute declare.
    pub routes: &'static [Route],
    /// Description of it by utoipa, if there is one.
    #[cfg(feature = "openapi")]
    pub documentation: fn() -> Option<Described>,
    /// Nothing, since nobody asks for it.
    #[cfg(not(feature = "openapi"))]
    pub documentation: (),
}

/// A route as a route macro declares it, without the scopes around it.
#[derive(Debug)]
pub struct Route {
    /// In capitals.
    pub method: &'static str,
    /// As it is written.
    pub pattern: &'static str,
    /// The guards that the route macro names.
    pub guards: &'static [&'static str],
}

inventory::collect!(Entry);

/// All annotated handlers, by their module path and name.
pub(crate) fn entries() -> Vec<&'static Entry> {
    let mut entries: Vec<_> = inventory::iter::<Entry>().collect();
    entries.sort_by_key(|entry| entry.policy.handler);
    entries
}

/// Stands in entries for the fingerprint functions of handlers.
pub fn not_called(_: &HttpRequest, _: &[u8]) -> Vec<u8> {
    Vec::new()
}

/// Stands in entries for the functions of handlers that tell who calls.
pub fn not_asked(_: &HttpRequest) -> PrincipalFuture<'_> {
    Box::pin(async { Ok(Principal::anonymous()) })
}

/// Handlers by the method, the pattern and the scope that they share.
type Shared = BTreeMap<(String, String, String), Vec<Declared>>;

/// A handler, as one of its routes is declared.
struct Declared {
    entry: &'static Entry,
    is_guarded: bool,
}

/// Warns of handlers that share a method and a pattern, and with them their keys, and that name no
/// headers: where a guard tells them apart, a request for one of them would be answered with the
/// response of the other.
///
/// The scopes around a route are not known here. So handlers of different modules, between which no
/// guard is to be seen, are left alone: `v1` and `v2` are nearly always mounted below scopes of
/// their own.
pub(crate) fn warn_of_shared_routes() {
    for ((method, pattern, _), declared) in shared_routes() {
        let handlers: BTreeSet<_> = declared.iter().map(|declared| declared.entry.policy.handler).collect();
        let modules: BTreeSet<_> = declared.iter().map(|declared| declared.entry.module()).collect();
        let is_guarded = declared.iter().any(|declared| declared.is_guarded);
        if handlers.len() > 1 && (is_guarded || modules.len() < handlers.len()) {
            let handlers = handlers.into_iter().collect::<Vec<_>>().join(", ");
            tracing::warn!(
                %handlers,
                "{method} {pattern} is declared for several handlers: if a guard tells them apart, write `headers = …` with what the guard \
                 looks at on each of them, or a request for one is answered with the response of the other"
            );
        }
    }
}

/// Warns of handlers whose ttl is longer than keys are taken for: retries are refused whose
/// response is still there.
pub(crate) fn warn_of_short_max_age(format: KeyFormat) {
    let KeyFormat::UuidV7 { max_age } = format else { return };
    let late = entries().into_iter().filter(|entry| entry.policy.ttl > max_age);
    let handlers: Vec<_> = late.map(|entry| entry.policy.handler).collect();
    if !handlers.is_empty() {
        let handlers = handlers.join(", ");
        tracing::warn!(
            %handlers,
            ?max_age,
            "the `max_age` of `KeyFormat::UuidV7` is shorter than the ttl of these handlers: retries are refused with `key_expired` \
             although their response is still there; make `max_age` at least the longest ttl"
        );
    }
}

fn shared_routes() -> Shared {
    let mut shared = Shared::new();
    let entries = entries().into_iter().filter(|entry| entry.policy.headers.is_empty());
    for (method, pattern, declared) in entries.flat_map(Entry::declared) {
        let scope = format!("{:?}", declared.entry.policy.scope);
        shared.entry((method, pattern, scope)).or_default().push(declared);
    }
    shared.retain(|(method, ..), _| {
        Method::from_bytes(method.as_bytes()).is_ok_and(|method| !method.is_safe())
    });
    shared
}

impl Entry {
    /// The handler's module.
    pub(crate) fn module(&self) -> &'static str {
        self.policy.handler.rsplit_once("::").map_or("", |(module, _)| module)
    }

    /// Methods and patterns, as route macros declare them, or else as utoipa describes them.
    fn declared(&'static self) -> Vec<(String, String, Declared)> {
        let of = |method: &str, pattern: &str, guards: &[&str]| {
            let declared = Declared { entry: self, is_guarded: !guards.is_empty() };
            (method.to_owned(), pattern.to_owned(), declared)
        };
        let declared: Vec<_> =
            self.routes.iter().map(|route| of(route.method, route.pattern, route.guards)).collect();
        #[cfg(feature = "openapi")]
        if let (true, Some(described)) = (declared.is_empty(), (self.documentation)()) {
            return described.routes().map(|(method, path)| of(method, path, &[])).collect();
        }
        declared
    }
}
