//! The policies of this process: one entry for each annotated handler of all its crates, collected
//! before `main`.
//!
//! A handler is here whether or not it is registered with an application.

#[cfg(feature = "openapi")]
mod described;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Once,
};

use actix_web::{HttpRequest, http::Method};

#[cfg(feature = "openapi")]
pub use described::{Described, Probe, Undocumented};

use crate::{
    policy::{Defaults, Policy},
    principal::{Principal, PrincipalFuture},
    request::KeyFormat,
};

/// One annotated handler.
#[derive(Debug)]
pub struct Entry {
    /// Policy that its attribute declares. A function, of a fingerprint, a principal or a key, says
    /// only that there is one: it must not be called.
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

/// Stands in entries for the functions of handlers that find the key.
pub fn not_searched(_: &HttpRequest, _: &[u8]) -> Option<String> {
    None
}

/// Handlers by the method, the pattern and the scope that they share.
type Shared = BTreeMap<(String, String, String), Vec<Declared>>;

/// A handler, as one of its routes is declared.
struct Declared {
    policy: &'static Policy,
    guards: &'static [&'static str],
}

/// Warns, once, of handlers that share a method and a pattern, and with them their keys: where a
/// guard tells them apart, a request for one of them would be answered with the response of the
/// other. Handlers that all name the same headers have said what tells them apart.
///
/// The scopes around a route are not known here, so handlers whose whole paths differ are warned of
/// too.
pub(crate) fn warn_of_shared_routes() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        for ((method, pattern, _), declared) in shared_routes() {
            warn_of(&method, &pattern, &declared);
        }
    });
}

fn warn_of(method: &str, pattern: &str, declared: &[Declared]) {
    let handlers: BTreeSet<_> = declared.iter().map(|declared| declared.policy.handler).collect();
    let headers: BTreeSet<_> = declared.iter().map(|declared| declared.policy.headers).collect();
    let guards: BTreeSet<_> = declared.iter().flat_map(|declared| declared.guards).copied().collect();
    let are_told_apart = headers.len() == 1 && headers.iter().all(|named| !named.is_empty());
    if handlers.len() < 2 || are_told_apart {
        return;
    }
    let [handlers, guards] = [handlers, guards].map(|names| names.into_iter().collect::<Vec<_>>().join(", "));
    tracing::warn!(
        %handlers,
        %guards,
        "{method} {pattern} is declared for several handlers. If a guard tells them apart, write the same `headers = …` on all of them, with \
         what the guard looks at: else a request for one is answered with the response of another. If scopes around them tell them apart, \
         all is well, and a route macro with the whole path says so"
    );
}

/// Warns of handlers whose ttl is longer than keys are taken for: retries are refused whose
/// response is still there.
pub(crate) fn warn_of_short_max_age(format: KeyFormat, defaults: &Defaults) {
    let KeyFormat::UuidV7 { max_age } = format else { return };
    let late = entries().into_iter().filter(|entry| entry.policy.ttl(defaults) > max_age);
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
    for entry in entries() {
        let scope = format!("{:?}", entry.policy.scope);
        for (method, pattern, guards) in entry.declared() {
            let declared = Declared { policy: &entry.policy, guards };
            shared.entry((method, pattern, scope.clone())).or_default().push(declared);
        }
    }
    shared.retain(|(method, ..), _| {
        Method::from_bytes(method.as_bytes()).is_ok_and(|method| !method.is_safe())
    });
    shared
}

impl Entry {
    /// The handler's module.
    #[cfg(feature = "openapi")]
    pub(crate) fn module(&self) -> &'static str {
        self.policy.handler.rsplit_once("::").map_or("", |(module, _)| module)
    }

    /// Methods, patterns and guards, as route macros declare them, or else as utoipa describes
    /// them.
    fn declared(&'static self) -> Vec<(String, String, &'static [&'static str])> {
        let of = |method: &str, pattern: &str, guards| (method.to_owned(), pattern.to_owned(), guards);
        let declared: Vec<_> =
            self.routes.iter().map(|route| of(route.method, route.pattern, route.guards)).collect();
        #[cfg(feature = "openapi")]
        if let (true, Some(described)) = (declared.is_empty(), (self.documentation)()) {
            return described.routes().map(|(method, path)| of(method, path, &[])).collect();
        }
        declared
    }
}
