//! Endpoint of a request, or operation of a call of `once`, by name.
//!
//! Each name is written down once per process, and a number stands for it where many are kept.
//! Names of endpoints come from the application's routes and never from what clients send, so there
//! are few of them. Names of operations are the application's too, and it may make up new ones all
//! the time. So only so many of them are told apart.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{LazyLock, OnceLock, PoisonError, RwLock},
};

use actix_web::http::Method;
use foldhash::fast::RandomState;

use super::label;

/// An endpoint: its method and its route's pattern, such as `POST /orders/{id}`. Or an operation of
/// [`once`](crate::Idempotency::once): its name.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint(&'static Name);

struct Name {
    number: u16,
    method: &'static str,
    label: &'static str,
    /// The same endpoint, for claims for a transaction.
    in_transaction: OnceLock<Endpoint>,
}

/// Name of an endpoint that is not known.
static UNKNOWN: Name = Name { number: 0, method: "", label: "", in_transaction: OnceLock::new() };

/// Stands for a method of a client's own invention, for the pattern of a handler that has no route,
/// and for the operations that are not told apart.
const ANY: &str = "*";

/// Number of operations that are told apart.
const MOST_OPERATIONS: usize = 4_096;

static NAMES: LazyLock<RwLock<Names>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct Names {
    by_namespace: HashMap<Box<str>, NamesOfOne, RandomState>,
    operations: usize,
    // In the order of their numbers, from 1.
    all: Vec<Endpoint>,
}

/// Names in one namespace.
#[derive(Default)]
struct NamesOfOne {
    by_pattern: HashMap<Box<str>, Vec<Endpoint>, RandomState>,
    by_operation: HashMap<Box<[u8]>, Endpoint, RandomState>,
    // Stands for the operations that are not told apart.
    other_operations: Option<Endpoint>,
}

impl Endpoint {
    /// Endpoint of this method and pattern, in an application with this namespace.
    pub(crate) fn of(namespace: &str, method: &Method, pattern: Option<&str>) -> Self {
        let (method, pattern) = (name_of(method), pattern.unwrap_or(ANY));
        let known = NAMES.read().unwrap_or_else(PoisonError::into_inner).find(namespace, method, pattern);
        known.unwrap_or_else(|| {
            NAMES.write().unwrap_or_else(PoisonError::into_inner).enter(namespace, method, pattern)
        })
    }

    /// Operation of this name. All that come when the process knows 4,096 of them are `*`.
    pub(crate) fn of_operation(namespace: &str, name: &[u8]) -> Self {
        let known = NAMES.read().unwrap_or_else(PoisonError::into_inner).find_operation(namespace, name);
        known.unwrap_or_else(|| {
            NAMES.write().unwrap_or_else(PoisonError::into_inner).enter_operation(namespace, name)
        })
    }

    /// The same endpoint, whose label tells that a claim is for a transaction.
    pub(crate) fn in_transaction(self) -> Self {
        let enter = || {
            let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
            names.number(self.0.method, label::in_transaction(self.label())).unwrap_or_default()
        };
        if self == Self::default() { self } else { *self.0.in_transaction.get_or_init(enter) }
    }

    /// True for the operations that are not told apart, and for an endpoint that is not known.
    pub(crate) fn is_collective(name: &str) -> bool {
        name.is_empty() || name == ANY
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
        label::endpoint_of(self.0.label)
    }

    /// Text that stores keep.
    pub(crate) fn label(self) -> &'static str {
        self.0.label
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
    fn find(&self, namespace: &str, method: &str, pattern: &str) -> Option<Endpoint> {
        let known = self.by_namespace.get(namespace)?.by_pattern.get(pattern)?;
        known.iter().find(|endpoint| endpoint.0.method == method).copied()
    }

    fn find_operation(&self, namespace: &str, name: &[u8]) -> Option<Endpoint> {
        let names = self.by_namespace.get(namespace)?;
        names.by_operation.get(name).copied().or(names.other_operations)
    }

    /// Gives a number to an endpoint, unless it has one.
    fn enter(&mut self, namespace: &str, method: &'static str, pattern: &str) -> Endpoint {
        if let Some(known) = self.find(namespace, method, pattern) {
            return known;
        }
        let label = label::label(namespace, &format!("{method} {pattern}"));
        let Some(endpoint) = self.number(method, label) else { return Endpoint::default() };
        self.names_of(namespace).by_pattern.entry(pattern.into()).or_default().push(endpoint);
        endpoint
    }

    /// Gives a number to an operation, unless it has one. The first that there is no room for is
    /// the last of its namespace to get one, and stands for all others.
    fn enter_operation(&mut self, namespace: &str, name: &[u8]) -> Endpoint {
        if let Some(known) = self.find_operation(namespace, name) {
            return known;
        }
        let is_one_of_many = self.operations == MOST_OPERATIONS;
        let text = if is_one_of_many { ANY.into() } else { String::from_utf8_lossy(name) };
        let label = label::of_operation(namespace, &text);
        let Some(operation) = self.number("", label) else { return Endpoint::default() };
        let names = self.names_of(namespace);
        if is_one_of_many {
            names.other_operations = Some(operation);
        } else {
            names.by_operation.insert(name.into(), operation);
            self.operations += 1;
        }
        operation
    }

    fn names_of(&mut self, namespace: &str) -> &mut NamesOfOne {
        self.by_namespace.entry(namespace.into()).or_default()
    }

    /// A name with a number of its own. If there are no more numbers the endpoint stays unknown.
    fn number(&mut self, method: &'static str, label: String) -> Option<Endpoint> {
        let number = u16::try_from(self.all.len() + 1).ok()?;
        let label = &*Box::leak(label.into_boxed_str());
        let name = Name { number, method, label, in_transaction: OnceLock::new() };
        let endpoint = Endpoint(Box::leak(Box::new(name)));
        self.all.push(endpoint);
        Some(endpoint)
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
        let of = |method, pattern| Endpoint::of("", method, Some(pattern));
        let endpoint = of(&Method::POST, "/numbered/{id}");
        assert_eq!((endpoint.as_str(), endpoint.label()), ("POST /numbered/{id}", "POST /numbered/{id}"));
        assert_eq!(of(&Method::POST, "/numbered/{id}"), endpoint);
        assert_eq!(Endpoint::of_number(endpoint.number()), endpoint);
        assert_ne!(of(&Method::PATCH, "/numbered/{id}"), endpoint);
        assert_ne!(of(&Method::POST, "/numbered"), endpoint);
    }

    #[test]
    fn an_endpoint_of_another_namespace_is_another_one_of_the_same_name() {
        let [one, other] = ["", "shop"].map(|of| Endpoint::of(of, &Method::POST, Some("/spaced")));
        assert_ne!(one, other);
        assert_eq!((one.as_str(), other.as_str()), ("POST /spaced", "POST /spaced"));
        assert_ne!(one.label(), other.label());
        assert_eq!(Endpoint::of_number(other.number()), other);
    }

    #[test]
    fn an_endpoint_in_a_transaction_is_another_one_of_the_same_name() {
        let usual = Endpoint::of("shop", &Method::POST, Some("/transacted"));
        let other = usual.in_transaction();
        assert_eq!((other.as_str(), other), (usual.as_str(), usual.in_transaction()));
        assert_ne!(other, usual);
        assert_eq!(Endpoint::of_number(other.number()), other);
        let told = [usual, other].map(|endpoint| label::is_in_transaction(endpoint.label()));
        assert_eq!(told, [false, true]);
        assert_eq!(Endpoint::default().in_transaction(), Endpoint::default());
    }

    #[test]
    fn what_clients_invent_makes_no_new_name() {
        let invented = ["BREW", "WHEN"].map(|method| Method::from_bytes(method.as_bytes()).unwrap());
        let [brew, when] = invented.map(|method| Endpoint::of("", &method, None));
        assert_eq!((brew, brew.as_str()), (when, "* *"));
    }

    #[test]
    fn no_number_is_that_of_an_endpoint_that_is_not_known() {
        let unknown = Endpoint::default();
        assert_eq!((unknown.number(), unknown.as_str()), (0, ""));
        assert_eq!([0, u16::MAX].map(Endpoint::of_number), [unknown, unknown]);
    }

    #[test]
    fn an_operation_is_no_endpoint_and_has_its_bytes_for_its_name() {
        let of = |name: &[u8]| Endpoint::of_operation("", name);
        assert_eq!((of(b"settle"), of(b"settle").as_str()), (of(b"settle"), "settle"));
        assert_eq!(Endpoint::of_number(of(b"settle").number()), of(b"settle"));
        assert_ne!(of(b"POST /settle"), Endpoint::of("", &Method::POST, Some("/settle")));
        assert_eq!((of(b"\xff").as_str(), of(b"\xfe").as_str()), ("\u{fffd}", "\u{fffd}"));
        assert_ne!(of(b"\xff"), of(b"\xfe"));
    }

    #[test]
    fn a_bounded_number_of_operations_is_told_apart() {
        let mut names = Names::default();
        let operation = |number: usize| format!("operation {number}").into_bytes();
        let (any, first) = (names.enter_operation("", b"*"), names.enter_operation("", &operation(0)));
        for number in 1..MOST_OPERATIONS - 1 {
            assert_ne!(names.enter_operation("", &operation(number)), first);
        }
        for number in MOST_OPERATIONS..MOST_OPERATIONS + 100 {
            let other = names.enter_operation("", &operation(number));
            assert_eq!((other.as_str(), Some(other)), (ANY, names.find_operation("", &operation(number))));
            assert_ne!(other, any);
        }
        assert_eq!((names.operations, names.all.len()), (MOST_OPERATIONS, MOST_OPERATIONS + 1));
        assert_eq!(names.find_operation("", &operation(0)), Some(first));
    }

    #[test]
    fn a_bounded_number_of_endpoints_is_known() {
        let mut names = Names::default();
        for number in 0..usize::from(u16::MAX) + 100 {
            names.enter("", "POST", &format!("/{number}"));
        }
        let known: usize = names.by_namespace[""].by_pattern.len();
        assert_eq!((names.all.len(), known), (usize::from(u16::MAX), usize::from(u16::MAX)));
        assert_eq!(names.enter("shop", "POST", "/"), Endpoint::default());
        assert_eq!(names.by_namespace.len(), 1);
    }
}
