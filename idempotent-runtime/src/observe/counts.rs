//! Numbers of this process's requests by outcome, once somebody asks for them.

use std::{
    collections::HashMap,
    sync::{
        OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{Event, Outcome};

static COUNTS: OnceLock<Counts> = OnceLock::new();

/// Requests that have ended, by handler and route: neither depends on what clients send.
#[derive(Default)]
struct Counts(RwLock<HashMap<&'static str, Vec<Endpoint>>>);

struct Endpoint {
    route: Option<Box<str>>,
    outcomes: [AtomicU64; Outcome::ALL.len()],
}

/// Outcomes of one endpoint's requests.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count {
    pub(crate) handler: &'static str,
    pub(crate) route: Option<Box<str>>,
    /// Outcomes that have occurred, each with its number.
    pub(crate) outcomes: Vec<(&'static str, u64)>,
}

/// Begins to count requests.
pub(crate) fn begin() {
    COUNTS.get_or_init(Counts::default);
}

/// True where requests are counted.
pub(super) fn is_counting() -> bool {
    COUNTS.get().is_some()
}

/// Counts a request that has ended, if they are counted.
pub(super) fn count(event: &Event<'_>) {
    if let Some(counts) = COUNTS.get() {
        counts.count(event.handler, event.route, event.outcome);
    }
}

/// Counts so far, in order.
pub(crate) fn counted() -> Vec<Count> {
    COUNTS.get().map(Counts::counted).unwrap_or_default()
}

impl Counts {
    fn count(&self, handler: &'static str, route: Option<&str>, outcome: Outcome) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = known.get(handler).and_then(|endpoints| find(endpoints, route)) {
            return endpoint.count(outcome);
        }
        drop(known);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let endpoints = all.entry(handler).or_default();
        // Somebody else may have been here in between.
        if find(endpoints, route).is_none() {
            endpoints.push(Endpoint::new(route));
        }
        if let Some(endpoint) = find(endpoints, route) {
            endpoint.count(outcome);
        }
    }

    fn counted(&self) -> Vec<Count> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let endpoints =
            all.iter().flat_map(|(handler, endpoints)| endpoints.iter().map(|each| (*handler, each)));
        let mut counted: Vec<Count> = endpoints
            .map(|(handler, endpoint)| Count {
                handler,
                route: endpoint.route.clone(),
                outcomes: endpoint.occurred(),
            })
            .collect();
        counted.sort();
        counted
    }
}

fn find<'a>(endpoints: &'a [Endpoint], route: Option<&str>) -> Option<&'a Endpoint> {
    endpoints.iter().find(|endpoint| endpoint.route.as_deref() == route)
}

impl Endpoint {
    fn new(route: Option<&str>) -> Self {
        Endpoint { route: route.map(Into::into), outcomes: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    fn count(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].fetch_add(1, Relaxed);
    }

    fn occurred(&self) -> Vec<(&'static str, u64)> {
        let all = Outcome::ALL
            .iter()
            .map(|outcome| (outcome.as_str(), self.outcomes[*outcome as usize].load(Relaxed)));
        all.filter(|(_, times)| *times > 0).collect()
    }
}
