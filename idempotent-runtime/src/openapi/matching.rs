//! Match between the operations of a document and the handlers.
//!
//! A document does not say what an operation was made of, so operations are compared with utoipa's
//! description of each handler. Operations that are documented in the same words are told apart
//! only where utoipa has named the handler's module in a tag.
//!
//! Nothing is guessed. Handlers and operations that are connected by equal words are clear only if
//! all these handlers have one policy, and if there are no more operations than handlers.

use std::collections::BTreeSet;

use utoipa::openapi::{
    OpenApi,
    path::{Operation, PathItem},
};

use super::{extension, unprotected::Unprotected};
use crate::{
    catalog::{self, Described, Entry},
    policy::{Defaults, Policy},
};

/// An operation, and the handler that it was made of.
pub(super) struct Found {
    pub(super) path: String,
    pub(super) method: &'static str,
    pub(super) entry: &'static Entry,
}

/// Operations of a document that may have an effect, sorted by what is known of them.
#[derive(Default)]
pub(super) struct Operations {
    pub(super) clear: Vec<Found>,
    pub(super) unclear: Vec<Unprotected>,
    pub(super) uncovered: Vec<Unprotected>,
    pub(super) refused: Vec<Unprotected>,
}

/// Methods that a policy is for.
const METHODS: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// An operation that matches a handler.
struct Pair<'a> {
    path: &'a str,
    method: &'static str,
    entry: &'static Entry,
    /// True where a tag names the handler's module.
    named: bool,
}

impl Operations {
    /// Looks at the operations of `openapi` whose path starts with `under`, and at the handlers of
    /// the module `within`.
    ///
    /// Handlers are alike to clients if they are under `defaults`.
    pub(super) fn find(
        openapi: &OpenApi,
        within: Option<&str>,
        under: Option<&str>,
        defaults: &Defaults,
    ) -> Self {
        let handlers = handlers(within);
        let mut found = Operations::default();
        let mut pairs = Vec::new();
        let (mut uncovered, mut refused) = (BTreeSet::new(), Vec::new());
        for (path, method, operation) in operations(openapi) {
            let described = extension::Described::of(operation);
            if described == extension::Described::AsProtected
                || under.is_some_and(|prefix| !starts_with(path, prefix, '/'))
            {
                continue;
            }
            if described == extension::Described::AsRefused {
                refused.push(unprotected((path.as_str(), method), []));
                continue;
            }
            uncovered.insert((path.as_str(), method));
            pairs.extend(handlers.iter().filter_map(|handler| pair(path, method, operation, handler)));
        }
        for pair in &pairs {
            uncovered.remove(&(pair.path, pair.method));
        }
        found.refused = refused;
        found.uncovered = uncovered.into_iter().map(|operation| unprotected(operation, [])).collect();
        found.decide(pairs, defaults);
        found
    }

    /// Finds an operation of the document.
    pub(super) fn get_mut<'a>(
        openapi: &'a mut OpenApi,
        path: &str,
        method: &str,
    ) -> Option<&'a mut Operation> {
        let item = openapi.paths.paths.get_mut(path)?;
        match method {
            "POST" => item.post.as_mut(),
            "PUT" => item.put.as_mut(),
            "PATCH" => item.patch.as_mut(),
            "DELETE" => item.delete.as_mut(),
            _ => None,
        }
    }

    /// Decides which operations are clear. Operations with a tag that names a module belong to that
    /// module's handlers. These handlers are then no longer available for other operations.
    fn decide(&mut self, pairs: Vec<Pair<'_>>, defaults: &Defaults) {
        let (named, mut others): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|pair| pair.named);
        let operations: BTreeSet<_> = named.iter().map(|pair| (pair.path, pair.method)).collect();
        others.retain(|pair| !operations.contains(&(pair.path, pair.method)));
        let taken = handlers_of(&named);
        self.decide_each(named, &BTreeSet::new(), defaults);
        self.decide_each(others, &taken, defaults);
    }

    fn decide_each(&mut self, mut pairs: Vec<Pair<'_>>, taken: &BTreeSet<&'static str>, defaults: &Defaults) {
        while let Some(first) = pairs.pop() {
            let entry = first.entry;
            let connected = connected(first, &mut pairs);
            let handlers = handlers_of(&connected);
            let paths: BTreeSet<_> = connected.iter().map(|pair| pair.path).collect();
            let is_alike = |pair: &Pair<'_>| same_terms(&pair.entry.policy, &entry.policy, defaults);
            let is_clear =
                connected.iter().all(is_alike) && paths.len() <= handlers.difference(taken).count();
            let operations: BTreeSet<_> = connected.iter().map(|pair| (pair.path, pair.method)).collect();
            for (path, method) in operations {
                match is_clear {
                    true => self.clear.push(Found { path: path.to_owned(), method, entry }),
                    false => self.unclear.push(unprotected((path, method), handlers.clone())),
                }
            }
        }
    }
}

fn handlers_of(pairs: &[Pair<'_>]) -> BTreeSet<&'static str> {
    pairs.iter().map(|pair| pair.entry.policy.handler).collect()
}

fn unprotected(
    (path, method): (&str, &'static str),
    handlers: impl IntoIterator<Item = &'static str>,
) -> Unprotected {
    Unprotected { method, path: path.to_owned(), handlers: handlers.into_iter().collect() }
}

/// A handler that utoipa describes.
struct HandlerOf {
    entry: &'static Entry,
    described: Described,
}

fn handlers(within: Option<&str>) -> Vec<HandlerOf> {
    let entries = catalog::entries().into_iter();
    let within = entries.filter(|entry| within.is_none_or(|module| starts_with(entry.module(), module, ':')));
    within.filter_map(handler_of).collect()
}

fn handler_of(entry: &'static Entry) -> Option<HandlerOf> {
    let described = (entry.documentation)()?;
    (described.module == entry.module()).then_some(HandlerOf { entry, described })
}

/// True where `text` is `prefix`, or goes on after it with `separator`.
fn starts_with(text: &str, prefix: &str, separator: char) -> bool {
    let prefix = prefix.trim_end_matches(separator);
    text.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
}

fn operations(openapi: &OpenApi) -> impl Iterator<Item = (&String, &'static str, &Operation)> {
    let items = openapi.paths.paths.iter();
    items.flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| Some((path, *method, operation(item, method)?)))
    })
}

fn operation<'a>(item: &'a PathItem, method: &str) -> Option<&'a Operation> {
    match method {
        "POST" => item.post.as_ref(),
        "PUT" => item.put.as_ref(),
        "PATCH" => item.patch.as_ref(),
        _ => item.delete.as_ref(),
    }
}

fn pair<'a>(
    path: &'a str,
    method: &'static str,
    operation: &Operation,
    handler: &HandlerOf,
) -> Option<Pair<'a>> {
    let HandlerOf { entry, described } = handler;
    let alike = described.routes().any(|(of, _)| of == method)
        && path.ends_with(&described.path)
        && untagged(operation) == untagged(&described.operation);
    let tags = |operation: &Operation| operation.tags.clone().unwrap_or_default();
    let known = tags(&described.operation);
    let added = tags(operation);
    let named = added.iter().any(|tag| !known.contains(tag) && names_module(tag, entry.module()));
    alike.then_some(Pair { path, method, entry, named })
}

/// Removes the tags, since tags are added when documents are put together.
fn untagged(operation: &Operation) -> Operation {
    let mut operation = operation.clone();
    operation.tags = None;
    operation
}

/// True where a tag is a path to the module, written from anywhere.
fn names_module(tag: &str, module: &str) -> bool {
    let tag = tag.trim_start_matches("crate::").trim_start_matches("self::").trim_start_matches("super::");
    let rest = module.strip_suffix(tag);
    !tag.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
}

/// Takes all pairs out of `pairs` that share an operation or a handler with `first`, or with a pair
/// that does.
fn connected<'a>(first: Pair<'a>, pairs: &mut Vec<Pair<'a>>) -> Vec<Pair<'a>> {
    let mut connected = vec![first];
    let mut next = 0;
    while let Some(pair) = connected.get(next) {
        let shares = |other: &mut Pair<'a>| {
            (other.path, other.method) == (pair.path, pair.method) || std::ptr::eq(other.entry, pair.entry)
        };
        let more: Vec<_> = pairs.extract_if(.., shares).collect();
        connected.extend(more);
        next += 1;
    }
    connected
}

/// True where two policies say the same to a client, under these defaults.
fn same_terms(one: &Policy, other: &Policy, defaults: &Defaults) -> bool {
    let terms = |policy: &Policy| {
        let Policy { scope, fingerprint, key, transaction, headers, .. } = policy;
        let (ttl, wait) = (policy.ttl(defaults), policy.wait(defaults));
        let (replay, abandoned) = (policy.replay(defaults), policy.abandoned(defaults));
        (
            (ttl, *scope, policy.required(defaults), wait, replay, abandoned, *transaction, *headers),
            std::mem::discriminant(fingerprint),
            (std::mem::discriminant(key), key.parts()),
        )
    };
    terms(one) == terms(other)
}
