//! Answers to operators.

use std::{collections::BTreeMap, fmt::Display, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header::CACHE_CONTROL},
};
use serde::{Serialize, Serializer};

use crate::{
    catalog::{self, Entry as Catalogued},
    engine::{Idempotency, ServedEndpoint, Settings},
    observe::{
        Sample,
        counts::{self, Count},
    },
    operate::{CallerHash, CallerUsage, EndpointUsage, Entry, EntryState, EntryVersion, StuckEntries, Usage},
    policy::{Defaults, Policy},
    policy_ref::PolicyRef,
    request::Address,
};

/// Begins a response that nobody may cache.
pub(super) fn uncached(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store"));
    response
}

/// Response that says `body`.
pub(super) fn ok(body: &impl Serialize) -> HttpResponse {
    uncached(StatusCode::OK).json(body)
}

/// Policies of this process, as they are in force.
#[derive(Serialize)]
pub(super) struct Policies {
    policies: Vec<PolicyView>,
}

#[derive(PartialEq, Serialize)]
struct PolicyView {
    handler: &'static str,
    /// Route of the endpoint, if the handler alone does not say which one it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<Box<str>>,
    #[serde(rename = "ttl_seconds", serialize_with = "seconds")]
    ttl: Duration,
    scope: String,
    required: bool,
    #[serde(rename = "wait_seconds", serialize_with = "seconds")]
    wait: Duration,
    replay: &'static str,
    fingerprint: &'static str,
    abandoned: &'static str,
    transaction: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    headers: &'static [&'static str],
}

impl Policies {
    /// Lists the policies of all annotated handlers. An endpoint that has had a request is shown
    /// as the settings of its own handle have it, and any other as those of `app` have it.
    pub(super) fn of(app: &Idempotency) -> Self {
        let Settings { defaults, reconcile, .. } = &app.0.settings;
        let served = app.0.endpoints.so_far();
        let of_entry = |entry: &'static Catalogued| {
            let seen = of_handler(&served, entry.policy.handler);
            match seen.is_empty() {
                true => vec![PolicyView::new(&entry.policy, defaults, reconcile.is_some())],
                false => seen,
            }
        };
        let of_handlers = catalog::entries().into_iter().flat_map(of_entry);
        Policies { policies: of_handlers.chain(of_middlewares(&served)).collect() }
    }
}

/// Policies in force for what middlewares cover, as far as requests have shown it.
fn of_middlewares(served: &[ServedEndpoint]) -> impl Iterator<Item = PolicyView> {
    let covered = served.iter().filter(|endpoint| matches!(endpoint.policy, PolicyRef::Middleware(..)));
    covered.map(|ServedEndpoint { policy, route, defaults, is_asked }| PolicyView {
        route: route.clone(),
        ..PolicyView::new(policy, defaults, *is_asked)
    })
}

/// Policies in force for the endpoints of a handler. Where they differ each has its route.
fn of_handler(served: &[ServedEndpoint], handler: &str) -> Vec<PolicyView> {
    let served: Vec<_> = served.iter().filter(|endpoint| endpoint.policy.handler == handler).collect();
    let mut views: Vec<_> = served
        .iter()
        .map(|endpoint| PolicyView::new(&endpoint.policy, &endpoint.defaults, endpoint.is_asked))
        .collect();
    if views.windows(2).all(|pair| pair[0] == pair[1]) {
        views.truncate(1);
        return views;
    }
    for (view, endpoint) in views.iter_mut().zip(served) {
        view.route = endpoint.route.clone();
    }
    views
}

impl PolicyView {
    fn new(policy: &Policy, defaults: &Defaults, is_asked: bool) -> Self {
        PolicyView {
            handler: policy.handler,
            route: None,
            ttl: policy.ttl(defaults),
            scope: policy.scope.to_string(),
            required: policy.required(defaults),
            wait: policy.wait(defaults),
            replay: policy.replay(defaults).as_str(),
            fingerprint: policy.fingerprint.as_str(),
            abandoned: policy.of_abandoned(defaults, is_asked),
            transaction: policy.transaction,
            headers: policy.headers,
        }
    }
}

/// Outcomes of requests, and the state of this moment.
#[derive(Serialize)]
pub(super) struct Counters {
    endpoints: Vec<Endpoint>,
    running: usize,
    waiting: usize,
    renewals: u64,
    failed_renewals: u64,
    background_completions: u64,
    memory: Option<Memory>,
}

#[derive(Serialize)]
struct Endpoint {
    handler: &'static str,
    route: Option<Box<str>>,
    outcomes: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Memory {
    entries: usize,
    bytes: u64,
    evicted: u64,
}

impl From<Sample> for Counters {
    fn from(sample: Sample) -> Self {
        Counters {
            endpoints: counts::counted().into_iter().map(Into::into).collect(),
            running: sample.running,
            waiting: sample.waiting,
            renewals: sample.renewals,
            failed_renewals: sample.failed_renewals,
            background_completions: sample.background_completions,
            memory: sample.memory.map(|memory| Memory {
                entries: memory.entries,
                bytes: memory.bytes,
                evicted: memory.evicted,
            }),
        }
    }
}

impl From<Count> for Endpoint {
    fn from(count: Count) -> Self {
        let Count { handler, route, outcomes } = count;
        Endpoint { handler, route, outcomes: outcomes.into_iter().collect() }
    }
}

/// Contents of the memory.
#[derive(Serialize)]
pub(super) struct UsageView {
    keys: u64,
    bytes: u64,
    budget: u64,
    caller_share: u64,
    endpoints: Vec<EndpointUsageView>,
    callers: Vec<CallerUsageView>,
}

#[derive(Serialize)]
struct EndpointUsageView {
    endpoint: &'static str,
    keys: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct CallerUsageView {
    #[serde(serialize_with = "text")]
    caller: CallerHash,
    anonymous: bool,
    keys: u64,
    bytes: u64,
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        let Usage { keys, bytes, budget, caller_share, endpoints, callers } = usage;
        let endpoints = endpoints
            .into_iter()
            .map(|EndpointUsage { endpoint, keys, bytes }| EndpointUsageView { endpoint, keys, bytes });
        let callers = callers.into_iter().map(|CallerUsage { caller, anonymous, keys, bytes }| {
            CallerUsageView { caller, anonymous, keys, bytes }
        });
        UsageView {
            keys,
            bytes,
            budget,
            caller_share,
            endpoints: endpoints.collect(),
            callers: callers.collect(),
        }
    }
}

/// Keys and bytes of which a caller was freed.
#[derive(Serialize)]
pub(super) struct ForgottenCaller {
    #[serde(serialize_with = "text")]
    pub(super) caller: CallerHash,
    pub(super) keys: u64,
    pub(super) bytes: u64,
}

/// A page of stuck entries.
#[derive(Serialize)]
pub(super) struct Page {
    entries: Vec<EntryView>,
    next: Option<String>,
}

impl From<StuckEntries> for Page {
    fn from(page: StuckEntries) -> Self {
        Page {
            entries: page.entries.into_iter().map(Into::into).collect(),
            next: page.next.map(|next| next.to_string()),
        }
    }
}

/// State of an entry.
#[derive(Debug, Serialize)]
pub(super) struct EntryView {
    #[serde(serialize_with = "text")]
    address: Address,
    endpoint: String,
    #[serde(flatten)]
    state: State,
    attempt: u32,
    #[serde(serialize_with = "text")]
    version: EntryVersion,
    #[serde(rename = "kept_for_seconds", serialize_with = "seconds")]
    kept_for: Duration,
}

#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum State {
    Running {
        #[serde(rename = "lease_left_seconds", serialize_with = "seconds")]
        lease_left: Duration,
    },
    Abandoned {
        #[serde(rename = "lapsed_seconds", serialize_with = "seconds")]
        lapsed: Duration,
    },
    Completed {
        status: Option<u16>,
        bytes: usize,
        #[serde(rename = "left_seconds", serialize_with = "seconds")]
        left: Duration,
    },
    Unknown {
        bytes: usize,
        #[serde(rename = "left_seconds", serialize_with = "seconds")]
        left: Duration,
    },
    Expired,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        let endpoint = entry.endpoint().to_owned();
        let state = match entry.state {
            EntryState::Running { lease_left } => State::Running { lease_left },
            EntryState::Abandoned { lapsed } => State::Abandoned { lapsed },
            EntryState::Completed { status, bytes, left } => {
                State::Completed { status: status.map(|status| status.as_u16()), bytes, left }
            }
            EntryState::Unknown { bytes, left } => State::Unknown { bytes, left },
            EntryState::Expired => State::Expired,
        };
        let Entry { address, attempt, version, kept_for, .. } = entry;
        EntryView { address, endpoint, state, attempt, version, kept_for }
    }
}

/// Entry to which it was done.
#[derive(Serialize)]
pub(super) struct Done {
    #[serde(serialize_with = "text")]
    pub(super) address: Address,
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn text<S: Serializer>(shown: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}
