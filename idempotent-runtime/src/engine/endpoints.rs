//! Endpoints that have had requests, and the settings that hold for each.
//!
//! An attribute does not say under which handle its handler is served. The first request shows it.

use std::sync::{PoisonError, RwLock};

use super::Settings;
use crate::{policy::Defaults, policy_ref::PolicyRef};

/// Endpoints of all handles on one store.
#[derive(Default)]
pub(crate) struct Endpoints(RwLock<Vec<ServedEndpoint>>);

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
        let is_it = |known: &ServedEndpoint| {
            known.policy.handler == policy.handler && known.route.as_deref() == route
        };
        let is_known = self.0.read().unwrap_or_else(PoisonError::into_inner).iter().any(is_it);
        if is_known {
            return;
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been here in between.
        if !all.iter().any(is_it) {
            all.push(ServedEndpoint {
                policy: policy.clone(),
                route: route.map(Into::into),
                defaults: settings.defaults,
                is_asked: settings.reconcile.is_some(),
            });
        }
    }

    /// Endpoints so far.
    pub(crate) fn so_far(&self) -> Vec<ServedEndpoint> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
