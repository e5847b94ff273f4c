//! Endpoints that have had requests, and the settings that hold for each.
//!
//! An attribute does not say under which handle its handler is served. The first request shows it.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use foldhash::fast::RandomState;

use super::Settings;
use crate::{policy::Defaults, policy_ref::PolicyRef};

/// Endpoints of all handles on one store: of each handler or middleware those of its routes. None
/// depends on what clients send.
#[derive(Default)]
pub(crate) struct Endpoints(RwLock<Routes>);

type Routes = HashMap<&'static str, HashMap<Box<str>, ServedEndpoint, RandomState>, RandomState>;

/// An endpoint that has had a request.
#[derive(Clone)]
pub(crate) struct ServedEndpoint {
    pub(crate) policy: PolicyRef,
    pub(crate) route: Option<Box<str>>,
    pub(crate) defaults: Defaults,
    /// True where the application is asked about executions that died.
    pub(crate) is_asked: bool,
}

impl Endpoints {
    /// Notes that `settings` hold for the endpoint of a request.
    pub(crate) fn note(&self, policy: &PolicyRef, route: Option<&str>, settings: &Settings) {
        let (handler, key) = (policy.handler, route.unwrap_or_default());
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = known.get(handler).is_some_and(|routes| routes.contains_key(key));
        drop(known);
        if !is_known {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            all.entry(handler).or_default().entry(key.into()).or_insert_with(|| ServedEndpoint {
                policy: policy.clone(),
                route: route.map(Into::into),
                defaults: settings.defaults,
                is_asked: settings.reconcile.is_some(),
            });
        }
    }

    /// Endpoints so far, in order.
    pub(crate) fn so_far(&self) -> Vec<ServedEndpoint> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut served: Vec<_> = all.values().flat_map(HashMap::values).cloned().collect();
        served.sort_by(|one, other| {
            (one.policy.handler, &one.route).cmp(&(other.policy.handler, &other.route))
        });
        served
    }
}
