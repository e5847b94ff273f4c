//! Endpoint of a request, by name.
//!
//! Each name is written down once per process, and a number stands for it where many are kept.
//! Names come from the application's routes and never from what clients send, so there are few of
//! them.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{LazyLock, PoisonError, RwLock},
};

use actix_web::http::Method;
use foldhash::fast::RandomState;

/// An endpoint: its method and its route's pattern, such as `POST /orders/{id}`.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint(&'static Name);

struct Name {
    number: u16,
    method: &'static str,
    /// Method and pattern.
    text: &'static str,
}

/// Name of an endpoint that is not known.
static UNKNOWN: Name = Name { number: 0, method: "", text: "" };

/// Stands for a method of a client's own invention, and for the pattern of a handler that has no
/// route.
const ANY: &str = "*";

static NAMES: LazyLock<RwLock<Names>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct Names {
    by_pattern: HashMap<&'static str, Vec<Endpoint>, RandomState>,
    // In the order of their numbers, from 1.
    all: Vec<Endpoint>,
}

impl Endpoint {
    /// Endpoint of this method and pattern.
    pub(crate) fn of(method: &Method, pattern: Option<&str>) -> Self {
        let (method, pattern) = (name_of(method), pattern.unwrap_or(ANY));
        let known = NAMES.read().unwrap_or_else(PoisonError::into_inner).find(method, pattern);
        known.unwrap_or_else(|| NAMES.write().unwrap_or_else(PoisonError::into_inner).enter(method, pattern))
    }

    /// Endpoint that has this number in this process.
    pub(crate) fn of_number(number: u16) -> Self {
        let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
        let at = usize::from(number).checked_sub(1);
        at.and_then(|at| names.all.get(at)).copied().unwrap_or_default()
    }

    /// Number of the endpoint in this process.
    pub(crate) fn number(self) -> u16 {
        self.0.number
    }

    /// Method and pattern; empty where the endpoint is not known.
    pub(crate) fn as_str(self) -> &'static str {
        self.0.text
    }
}

/// Name of a method that RFC 9110 or RFC 5789 defines, or [`ANY`], since clients may send any
/// other.
fn name_of(method: &Method) -> &'static str {
    const DEFINED: [&str; 9] =
        ["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    DEFINED.into_iter().find(|defined| *defined == method.as_str()).unwrap_or(ANY)
}

impl Names {
    fn find(&self, method: &str, pattern: &str) -> Option<Endpoint> {
        self.by_pattern.get(pattern)?.iter().find(|endpoint| endpoint.0.method == method).copied()
    }

    /// Gives a number to an endpoint, unless it has one. If there are no more numbers the endpoint
    /// stays unknown.
    fn enter(&mut self, method: &'static str, pattern: &str) -> Endpoint {
        if let Some(known) = self.find(method, pattern) {
            return known;
        }
        let Ok(number) = u16::try_from(self.all.len() + 1) else { return Endpoint::default() };
        let text = &*Box::leak(format!("{method} {pattern}").into_boxed_str());
        let endpoint = Endpoint(Box::leak(Box::new(Name { number, method, text })));
        self.all.push(endpoint);
        self.by_pattern.entry(&text[method.len() + 1..]).or_default().push(endpoint);
        endpoint
    }
}

/// An endpoint that is not known.
impl Default for Endpoint {
    fn default() -> Self {
        Endpoint(&UNKNOWN)
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.number() == other.number()
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number().hash(state);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({:?})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_one_number_by_which_it_is_found_again() {
        let endpoint = Endpoint::of(&Method::POST, Some("/numbered/{id}"));
        assert_eq!(endpoint.as_str(), "POST /numbered/{id}");
        assert_eq!(Endpoint::of(&Method::POST, Some("/numbered/{id}")), endpoint);
        assert_eq!(Endpoint::of_number(endpoint.number()), endpoint);
        assert_ne!(Endpoint::of(&Method::PATCH, Some("/numbered/{id}")), endpoint);
        assert_ne!(Endpoint::of(&Method::POST, Some("/numbered")), endpoint);
    }

    #[test]
    fn what_clients_invent_makes_no_new_name() {
        let invented = ["BREW", "WHEN"].map(|method| Method::from_bytes(method.as_bytes()).unwrap());
        let [brew, when] = invented.map(|method| Endpoint::of(&method, None));
        assert_eq!((brew, brew.as_str()), (when, "* *"));
    }

    #[test]
    fn no_number_is_that_of_an_endpoint_that_is_not_known() {
        let unknown = Endpoint::default();
        assert_eq!((unknown.number(), unknown.as_str()), (0, ""));
        assert_eq!([0, u16::MAX].map(Endpoint::of_number), [unknown, unknown]);
    }
}
