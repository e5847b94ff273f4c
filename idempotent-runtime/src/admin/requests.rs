//! Requests of operators. The answer to a mistake never repeats what was sent: it may hold a key.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method, StatusCode,
        header::{CONTENT_TYPE, HeaderName, HeaderValue},
    },
    web,
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::problem::Problem;
use crate::{
    engine::Settings,
    operate::{CallerHash, EntryRef, EntryVersion},
    reconcile::Resolution,
    request::{Address, EntryName, Principal, body},
    store::StuckCursor,
};

/// Longest body, in bytes.
pub(super) const BODY_LIMIT: usize = 64 << 10;
/// Number of stuck entries on a page, where the request names none.
const PAGE: usize = 100;
const LONGEST_PAGE: usize = 1_000;
const LONGEST_CURSOR: usize = 1_024;

/// Reads a body of at most `limit` bytes.
pub(super) async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
    settings: &Settings,
) -> Result<T, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err(Problem::not_json());
    }
    // Operators take no caller's places.
    let place = || Some(());
    let (mut payload, headers) = (payload.into_inner(), request.headers());
    let body = body::read(&mut payload, headers, limit, settings.body_timeout, place).await?;
    serde_json::from_slice(&body).map_err(|error| {
        // A mistake in the JSON behind this one may have been missed, since reading stopped there.
        match serde_json::from_slice::<IgnoredAny>(&body) {
            Err(error) => Problem::malformed(&error),
            Ok(_) => Problem::not_read(&error),
        }
    })
}

/// Request to look at an entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InspectBody {
    pub(super) entry: EntrySelector,
}

/// Request to forget an entry, with the version in which it was seen; or all that one caller holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgetBody {
    entry: Option<EntrySelector>,
    version: Option<String>,
    caller: Option<String>,
}

/// Target of the forgetting.
pub(super) enum ForgetTarget {
    Entry(Address, EntryVersion),
    /// All that this caller holds in memory.
    Caller(CallerHash),
}

impl ForgetBody {
    pub(super) fn target(self, settings: &Settings) -> Result<ForgetTarget, Problem> {
        match (self.entry, self.version, self.caller) {
            (Some(entry), Some(version), None) => {
                let version =
                    version.parse().map_err(|error| Problem::invalid(format!("`version`: {error}.")))?;
                Ok(ForgetTarget::Entry(entry.address(settings)?, version))
            }
            (Some(_), None, None) => Err(Problem::invalid(
                "`version` is missing: the one that `inspect` or `stuck` has shown of what is to be forgotten.",
            )),
            (None, None, Some(caller)) => {
                let caller = caller.parse().map_err(|error| Problem::invalid(format!("`caller`: {error}.")));
                caller.map(ForgetTarget::Caller)
            }
            _ => {
                Err(Problem::invalid("An `entry` with its `version` is needed, or a `caller`, and not both."))
            }
        }
    }
}

/// An entry, by its address or by the parts of its address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntrySelector {
    address: Option<String>,
    namespace: Option<String>,
    scope: Option<String>,
    operation: Option<String>,
    method: Option<String>,
    route: Option<String>,
    path: Option<String>,
    principal: Option<String>,
    key: Option<String>,
}

impl EntrySelector {
    /// Address of the entry.
    pub(super) fn address(self, settings: &Settings) -> Result<Address, Problem> {
        if let Some(address) = &self.address {
            return match self.has_parts() {
                true => Err(Problem::invalid("`entry` has an `address` or the parts of one, not both.")),
                false => address.parse().map_err(|error| Problem::invalid(format!("`address`: {error}."))),
            };
        }
        let address = EntryRef::Name(&self.name()?).address(settings);
        address.map_err(|detail| Problem::invalid(format!("`key` cannot be one: {detail}.")))
    }

    fn has_parts(&self) -> bool {
        let EntrySelector { namespace, scope, operation, method, route, path, principal, key, .. } = self;
        let parts = [namespace, scope, operation, method, route, path, principal, key];
        parts.into_iter().any(Option::is_some)
    }

    fn name(self) -> Result<EntryName, Problem> {
        let EntrySelector { namespace, scope, operation, method, route, path, principal, key, .. } = self;
        let key = key.ok_or(Problem::invalid("`entry` needs a `key`, or an `address`."))?;
        let scope = match (&scope, &operation) {
            (None, Some(_)) => "operation",
            (Some(_), Some(_)) => return Err(Problem::invalid(parts("operation"))),
            (scope, None) => scope.as_deref().unwrap_or("endpoint"),
        };
        let name = match (scope, method, route, path) {
            ("endpoint", Some(method), Some(route), None) => {
                EntryName::endpoint(read_method(&method)?, route, key)
            }
            ("resource", Some(method), None, Some(path)) => {
                EntryName::resource(read_method(&method)?, path, key)
            }
            ("global", None, None, None) => EntryName::global(key),
            ("operation", None, None, None) => EntryName::operation(operation.unwrap_or_default(), key),
            (scope, None, None, None) if scope.starts_with("group:") => {
                EntryName::group(&scope["group:".len()..], key)
            }
            (scope, ..) => return Err(Problem::invalid(parts(scope))),
        };
        let name = match namespace {
            Some(namespace) => name.namespace(namespace),
            None => name,
        };
        Ok(match principal {
            Some(principal) => name.principal(Principal::new(principal)),
            None => name,
        })
    }
}

/// Parts that belong to an entry of this scope.
fn parts(scope: &str) -> &'static str {
    match scope {
        "endpoint" => "An entry of scope `endpoint` has a `method` and a `route`, and no `path`.",
        "resource" => "An entry of scope `resource` has a `method` and a `path`, and no `route`.",
        "operation" => "An entry of an `operation` has no `scope`, `method`, `route` and `path`.",
        "global" => "An entry of scope `global` has no `method`, `route` and `path`.",
        scope if scope.starts_with("group:") => "An entry of a group has no `method`, `route` and `path`.",
        _ => "`scope` has to be `endpoint`, `resource`, `global` or `group:NAME`.",
    }
}

fn read_method(method: &str) -> Result<Method, Problem> {
    // Methods are told apart by case: `post` would name an entry that nobody has.
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(Problem::invalid("`method` has to be in capitals, as it is sent."));
    }
    Method::from_bytes(method.as_bytes()).map_err(|_| Problem::invalid("`method` is no method of HTTP."))
}

/// Request to end an entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResolveBody {
    pub(super) entry: EntrySelector,
    outcome: Outcome,
    response: Option<Response>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Rerun,
    Refuse,
    Complete,
}

/// Response that retries are to get.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Response {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
}

impl ResolveBody {
    /// Splits the request into the entry and its resolution.
    pub(super) fn parts(self) -> Result<(EntrySelector, Resolution), Problem> {
        let resolution = match (self.outcome, self.response) {
            (Outcome::Rerun, None) => Resolution::Rerun,
            (Outcome::Refuse, None) => Resolution::Refuse,
            (Outcome::Complete, Some(response)) => Resolution::Complete(response.build()?),
            _ => {
                return Err(Problem::invalid(
                    "`complete` needs a `response`, and no other `outcome` takes one.",
                ));
            }
        };
        Ok((self.entry, resolution))
    }
}

impl Response {
    fn build(self) -> Result<HttpResponse, Problem> {
        let status =
            StatusCode::from_u16(self.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
        let status = status.ok_or(Problem::invalid("`status` has to be one from 200 to 599."))?;
        let mut response = HttpResponse::build(status);
        for (name, value) in &self.headers {
            let header = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()));
            let (Ok(name), Ok(value)) = header else {
                return Err(Problem::invalid("`headers` holds a name or a value that HTTP does not allow."));
            };
            response.append_header((name, value));
        }
        Ok(response.body(self.body))
    }
}

/// Query of a request for stuck entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    limit: Option<usize>,
    after: Option<String>,
    endpoint: Option<String>,
}

/// Page of stuck entries that a query asks for.
pub(super) struct PageRequest {
    pub(super) limit: usize,
    /// End of the page before.
    pub(super) after: Option<StuckCursor>,
    /// Endpoint whose entries are wanted.
    pub(super) endpoint: Option<String>,
}

/// Page that the query asks for.
pub(super) fn page(request: &HttpRequest) -> Result<PageRequest, Problem> {
    let query = web::Query::<Query>::from_query(request.query_string());
    let wrong = || {
        Problem::invalid(
            "The query may hold a `limit` from 1 to 1000, an `after` that is the `next` of a page before, and an `endpoint` as \
             entries show it.",
        )
    };
    let Query { limit, after, endpoint } = query.map_err(|_| wrong())?.into_inner();
    let limit = limit.unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit)
        || after.as_ref().is_some_and(|after| after.len() > LONGEST_CURSOR)
    {
        return Err(wrong());
    }
    Ok(PageRequest { limit, after: after.map(StuckCursor::new), endpoint })
}
