//! Endpoint of a request, or operation of a call of `once`, by name.
//!
//! Each name is written down once per process, and a number stands for it where many are kept.
//! Names of endpoints come from the application's routes and never from what clients send, so there
//! are few of them. Names of operations are the application's too, and it may make up new ones all
//! the time. So only so many of them are told apart.

use std::{
    char::REPLACEMENT_CHARACTER,
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{LazyLock, PoisonError, RwLock},
};

use actix_web::http::Method;
use foldhash::fast::RandomState;

/// An endpoint: its method and its route's pattern, such as `POST /orders/{id}`. Or an operation of
/// [`once`](crate::Idempotency::once): its name.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint(&'static Name);

struct Name {
    number: u16,
    method: &'static str,
    /// Text that is shown and stored.
    text: &'static str,
}

/// Name of an endpoint that is not known.
static UNKNOWN: Name = Name { number: 0, method: "", text: "" };

/// Stands for a method of a client's own invention, for the pattern of a handler that has no route,
/// and for the operations that are not told apart.
const ANY: &str = "*";

/// Longest text, in bytes. What is longer is cut off.
pub(crate) const LONGEST_ENDPOINT: usize = 255;
/// Number of operations that are told apart.
const MOST_OPERATIONS: usize = 4_096;

static NAMES: LazyLock<RwLock<Names>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct Names {
    by_pattern: HashMap<Box<str>, Vec<Endpoint>, RandomState>,
    by_operation: HashMap<Box<[u8]>, Endpoint, RandomState>,
    // Stands for the operations that are not told apart.
    other_operations: Option<Endpoint>,
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

    /// Operation of this name. All that come when the process knows 4,096 of them are `*`.
    pub(crate) fn of_operation(name: &[u8]) -> Self {
        let known = NAMES.read().unwrap_or_else(PoisonError::into_inner).find_operation(name);
        known.unwrap_or_else(|| NAMES.write().unwrap_or_else(PoisonError::into_inner).enter_operation(name))
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

    /// Method and pattern, or name of the operation; empty where neither is known.
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

    fn find_operation(&self, name: &[u8]) -> Option<Endpoint> {
        self.by_operation.get(name).copied().or(self.other_operations)
    }

    /// Gives a number to an endpoint, unless it has one.
    fn enter(&mut self, method: &'static str, pattern: &str) -> Endpoint {
        if let Some(known) = self.find(method, pattern) {
            return known;
        }
        let endpoint = self.number(method, &format!("{method} {pattern}"));
        self.by_pattern.entry(pattern.into()).or_default().push(endpoint);
        endpoint
    }

    /// Gives a number to an operation, unless it has one. The first that there is no room for is
    /// the last to get one, and stands for all others.
    fn enter_operation(&mut self, name: &[u8]) -> Endpoint {
        if let Some(known) = self.find_operation(name) {
            return known;
        }
        if self.by_operation.len() == MOST_OPERATIONS {
            let others = self.number("", ANY);
            return *self.other_operations.insert(others);
        }
        let operation = self.number("", &String::from_utf8_lossy(name));
        self.by_operation.insert(name.into(), operation);
        operation
    }

    /// A name with a number of its own. If there are no more numbers the endpoint stays unknown.
    fn number(&mut self, method: &'static str, text: &str) -> Endpoint {
        let Ok(number) = u16::try_from(self.all.len() + 1) else { return Endpoint::default() };
        let text = &*Box::leak(shown(text).into_boxed_str());
        let endpoint = Endpoint(Box::leak(Box::new(Name { number, method, text })));
        self.all.push(endpoint);
        endpoint
    }
}

/// The text as it is shown and stored: on one line, and not too long.
fn shown(text: &str) -> String {
    let shown: String =
        text.chars().map(|of| if of.is_control() { REPLACEMENT_CHARACTER } else { of }).collect();
    let end = (0..=LONGEST_ENDPOINT.min(shown.len())).rev().find(|at| shown.is_char_boundary(*at));
    shown[..end.unwrap_or_default()].to_owned()
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
    #[test]
    fn an_operation_is_no_endpoint_and_is_shown_on_one_line_and_cut() {
        let of = |name: &str| Endpoint::of_operation(name.as_bytes());
        assert_eq!((of("settle"), of("settle").as_str()), (of("settle"), "settle"));
        assert_eq!(Endpoint::of_number(of("settle").number()), of("settle"));
        assert_ne!(of("POST /settle"), Endpoint::of(&Method::POST, Some("/settle")));
        assert_eq!(of("a\nb\0c\u{85}").as_str(), "a\u{fffd}b\u{fffd}c\u{fffd}");
        assert_eq!(Endpoint::of_operation(b"\xff").as_str(), "\u{fffd}");
        assert_ne!(Endpoint::of_operation(b"\xff"), Endpoint::of_operation(b"\xfe"));
        assert_eq!(of(&"é".repeat(200)).as_str(), "é".repeat(127));
    }

    #[test]
    fn a_bounded_number_of_operations_is_told_apart() {
        let mut names = Names::default();
        let operation = |number: usize| format!("operation {number}").into_bytes();
        let (any, first) = (names.enter_operation(b"*"), names.enter_operation(&operation(0)));
        for number in 1..MOST_OPERATIONS - 1 {
            assert_ne!(names.enter_operation(&operation(number)), first);
        }
        for number in MOST_OPERATIONS..MOST_OPERATIONS + 100 {
            let other = names.enter_operation(&operation(number));
            assert_eq!((other.as_str(), Some(other)), (ANY, names.find_operation(&operation(number))));
            assert_ne!(other, any);
        }
        assert_eq!((names.by_operation.len(), names.all.len()), (MOST_OPERATIONS, MOST_OPERATIONS + 1));
        assert_eq!(names.find_operation(&operation(0)), Some(first));
    }
}
