//! Warnings that are given once per process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{PoisonError, RwLock},
};

/// Endpoints that have been warned of: their handlers, each with its routes. Both are the
/// application's, so there are few.
pub(super) struct Warned(RwLock<BTreeMap<String, BTreeSet<String>>>);

impl Warned {
    pub(super) const fn nothing() -> Self {
        Warned(RwLock::new(BTreeMap::new()))
    }

    /// True once for each handler and route.
    pub(super) fn is_first(&self, handler: &str, route: &str) -> bool {
        let warned = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = warned.get(handler).is_some_and(|routes| routes.contains(route));
        drop(warned);
        !is_known && self.enter(handler, route)
    }

    #[cold]
    fn enter(&self, handler: &str, route: &str) -> bool {
        let mut warned = self.0.write().unwrap_or_else(PoisonError::into_inner);
        warned.entry(handler.to_owned()).or_default().insert(route.to_owned())
    }
}
