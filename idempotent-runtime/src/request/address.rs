//! Address of a key's entry: SHA-256 over the application's namespace, the scope, the principal and
//! the key, with its last bit cleared.

use std::{
    fmt,
    hash::{Hash, Hasher},
    ops::RangeInclusive,
    str::FromStr,
};

use actix_web::{HttpRequest, http::Method};
use uuid::Builder;

use super::{Endpoint, Key, NormalPath, PartsHasher, RequestFingerprint};
use crate::{policy::Scope, principal::Principal};

/// Address of a stored entry: 32 bytes that reveal neither the key nor the principal.
///
/// Two requests share an address only if namespace, scope, principal and key are all the same: the
/// parts are length-prefixed before they are hashed, so this holds for all characters.
///
/// It is shown as 64 hexadecimal digits, and parsed from them. The first eight are the
/// [`KeyHash`](crate::KeyHash) of events and log lines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address([u8; 32]);

impl Address {
    /// Bytes under which a store keeps the entry.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Makes the address of the bytes that [`as_bytes`](Self::as_bytes) gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Address(bytes)
    }

    /// True for the address of a step, false for that of a key.
    pub(crate) fn is_of_a_step(&self) -> bool {
        self.0[LAST] & OF_A_STEP != 0
    }

    /// Beginning that the address shares with those of its key's steps.
    pub(crate) fn beginning(&self) -> [u8; BEGINNING] {
        self.0[..BEGINNING].try_into().unwrap_or_default()
    }
}

/// Number of bytes that an address has in common with those of its steps.
const BEGINNING: usize = 16;

/// Byte whose bit [`OF_A_STEP`] tells a step's address from a key's.
const LAST: usize = 31;
const OF_A_STEP: u8 = 1;

/// Folds the address in two before it is hashed: it is a hash already, and is looked up several
/// times per request.
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (low, high) = self.0.split_at(16);
        let [low, high] = [low, high].map(|half| u128::from_le_bytes(half.try_into().unwrap_or_default()));
        state.write_u128(low.wrapping_add(high));
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:02x}{:02x}{:02x}{:02x}…)", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is no [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address has 64 digits from 0 to 9 and a to f")]
pub struct AddressError;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| AddressError)?;
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (digit(pair[0]).ok_or(AddressError)?, digit(pair[1]).ok_or(AddressError)?);
            *byte = high << 4 | low;
        }
        Ok(Address(bytes))
    }
}

const DOMAIN: u8 = 1;

/// Extent in which a key is unique: the scope makes it of a request, or an operator names it.
pub(crate) enum Extent<'a> {
    Endpoint {
        method: &'a Method,
        pattern: &'a NormalPath<'a>,
    },
    Resource {
        method: &'a Method,
        path: &'a NormalPath<'a>,
    },
    Global,
    Group(&'a str),
    /// An operation of `once`, which no request has.
    Operation(&'a [u8]),
}

/// Composes the address of the entry of `key`.
pub(crate) fn address(namespace: &str, extent: &Extent<'_>, principal: &Principal, key: &Key) -> Address {
    composed(namespace, extent, principal, key.as_bytes())
}

/// Lengths of operations and of their keys, in bytes.
const OPERATION_LENGTHS: RangeInclusive<usize> = 1..=255;

/// True where operation and key have lengths that are allowed.
pub(crate) fn may_be_an_operation(operation: &[u8], key: &[u8]) -> bool {
    [operation, key].iter().all(|part| OPERATION_LENGTHS.contains(&part.len()))
}

/// Address of the entry of `key` of an operation. It is no request's: no request has this extent.
pub(crate) fn operation_address(
    namespace: &str,
    operation: &[u8],
    principal: &Principal,
    key: &[u8],
) -> Address {
    composed(namespace, &Extent::Operation(operation), principal, key)
}

fn composed(namespace: &str, extent: &Extent<'_>, principal: &Principal, key: &[u8]) -> Address {
    let mut hasher = PartsHasher::new(DOMAIN);
    hasher.part(namespace.as_bytes());
    match extent {
        Extent::Endpoint { method, pattern } => {
            hasher.parts(&[b"endpoint", method.as_str().as_bytes(), pattern.as_bytes()]);
        }
        Extent::Resource { method, path } => {
            hasher.parts(&[b"resource", method.as_str().as_bytes(), path.as_bytes()]);
        }
        Extent::Global => hasher.parts(&[b"global"]),
        Extent::Group(name) => hasher.parts(&[b"group", name.as_bytes()]),
        Extent::Operation(name) => hasher.parts(&[b"operation", name]),
    }
    match principal.bytes() {
        None => hasher.parts(&[b"anonymous"]),
        Some(bytes) => hasher.parts(&[b"principal", bytes]),
    }
    hasher.part(key);
    let mut address = hasher.finish();
    address[LAST] &= !OF_A_STEP;
    Address(address)
}

/// Domain of keys that are derived from an address.
const DERIVED: u8 = 16;

/// Derives a key that stands for `name` at `address`, and at no other, in the form of a UUID of
/// version 8 (RFC 9562). It tells nothing about the parts of the address.
pub(crate) fn derived_key(address: Address, name: &str) -> String {
    let mut hasher = PartsHasher::new(DERIVED);
    hasher.parts(&[&address.0, name.as_bytes()]);
    let hash = hasher.finish();
    Builder::from_custom_bytes(std::array::from_fn(|at| hash[at])).into_uuid().to_string()
}

/// Domain of the addresses of steps.
const STEP: u8 = 17;

/// Address of the entry of the step `name`.
///
/// It is different for every execution's address, every request made there, and every name. It
/// begins like the execution's, so that all steps of a key can be found by it. Its last bit is set,
/// while no key's is.
pub(crate) fn step(execution: Address, fingerprint: RequestFingerprint, name: &str) -> Address {
    let mut hasher = PartsHasher::new(STEP);
    hasher.parts(&[&execution.0, fingerprint.as_bytes(), name.as_bytes()]);
    let (mut address, hash) = (execution.0, hasher.finish());
    address[BEGINNING..].copy_from_slice(&hash[BEGINNING..]);
    address[LAST] |= OF_A_STEP;
    Address(address)
}

/// Domain of the addresses of turns.
const TURN: u8 = 32;

/// Address of the turn to walk the stuck entries of this namespace. It is no key's and no step's,
/// but ends like a step's, so that it is in no list and no operator's way.
pub(crate) fn turn(namespace: &str) -> Address {
    let mut hasher = PartsHasher::new(TURN);
    hasher.part(namespace.as_bytes());
    let mut address = hasher.finish();
    address[LAST] |= OF_A_STEP;
    Address(address)
}

/// Target of a request.
pub(crate) struct Target<'a> {
    method: &'a Method,
    path: NormalPath<'a>,
    pattern: Option<NormalPath<'static>>,
}

impl<'a> Target<'a> {
    /// Takes the method and path of `request`, and its route's `pattern` where `scope` asks for it.
    pub(crate) fn new(
        request: &'a HttpRequest,
        scope: Scope,
        pattern: impl FnOnce() -> Option<String>,
    ) -> Self {
        let pattern = match scope {
            Scope::Endpoint => pattern().map(NormalPath::of_pattern),
            Scope::Resource | Scope::Global | Scope::Group(_) => None,
        };
        Target { method: request.method(), path: NormalPath::of(request.path()), pattern }
    }

    /// Extent in which the key of this request is unique. A handler without a pattern, a default
    /// service, uses its path instead.
    pub(crate) fn extent(&self, scope: Scope) -> Extent<'_> {
        let Target { method, path, pattern, .. } = self;
        match scope {
            Scope::Endpoint => Extent::Endpoint { method, pattern: pattern.as_ref().unwrap_or(path) },
            Scope::Resource => Extent::Resource { method, path },
            Scope::Global => Extent::Global,
            Scope::Group(name) => Extent::Group(name),
        }
    }

    /// Endpoint by name. A pattern that `new` has left out is taken here.
    pub(crate) fn endpoint(
        &self,
        namespace: &str,
        scope: Scope,
        pattern: impl FnOnce() -> Option<String>,
    ) -> Endpoint {
        match scope {
            Scope::Endpoint => Endpoint::of(namespace, self.method, self.pattern.as_deref()),
            _ => Endpoint::of(namespace, self.method, pattern().as_deref()),
        }
    }

    /// Parts that the scope leaves out of the address, so that the fingerprint has to hold them.
    pub(crate) fn fingerprinted(&self, scope: Scope) -> [&[u8]; 2] {
        match scope {
            Scope::Endpoint => [b"", self.path.as_bytes()],
            Scope::Global => [self.method.as_str().as_bytes(), self.path.as_bytes()],
            Scope::Resource | Scope::Group(_) => [b"", b""],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{KeyFormat, key::parse_key};

    #[test]
    fn an_address_is_read_from_hexadecimal_digits_and_nothing_else_is() {
        let address = Address::from_bytes(std::array::from_fn(|at| if at < 16 { 15 } else { 0xa0 }));
        assert_eq!(address.to_string(), ["0f".repeat(16), "a0".repeat(16)].concat());
        assert_eq!(address.to_string().parse(), Ok(address));
        for other in ["", "0f", &"0g".repeat(32), &"é".repeat(32), &"+f".repeat(32), &"0f".repeat(33)] {
            assert_eq!(other.parse::<Address>(), Err(AddressError), "{other}");
        }
    }

    #[test]
    fn a_steps_address_is_never_a_keys() {
        for number in 0..64 {
            let key = parse_key(format!("key-{number}").as_bytes(), KeyFormat::Any).unwrap();
            let address = address("", &Extent::Global, &Principal::anonymous(), &key);
            let fingerprint = crate::RequestFingerprint::from_bytes([1; 32]);
            assert!(!address.is_of_a_step() && step(address, fingerprint, "charge").is_of_a_step());
        }
    }

    #[test]
    fn an_operation_is_never_an_endpoint_whatever_their_names() {
        let (nobody, key) = (Principal::anonymous(), parse_key(b"k", KeyFormat::Any).unwrap());
        let operation = |name: &[u8], key: &[u8]| operation_address("", name, &nobody, key);
        let pattern = NormalPath::of("/settle");
        let (method, pattern) = (&Method::POST, &pattern);
        let requests = [
            Extent::Global,
            Extent::Group("settle"),
            Extent::Endpoint { method, pattern },
            Extent::Resource { method, path: pattern },
        ];
        let requests = requests.map(|extent| address("", &extent, &nobody, &key));
        for name in ["settle", "/settle", "POST/settle", "global", "group", "endpoint"] {
            assert!(!requests.contains(&operation(name.as_bytes(), b"k")), "{name}");
        }
        assert_ne!(operation(b"ab", b"c"), operation(b"a", b"bc"));
        assert!(!operation(b"\xff\0", b"\n").is_of_a_step());
    }

    #[test]
    fn the_addresses_of_steps_begin_like_that_of_their_execution_and_differ() {
        let execution = Address::from_bytes([7; 32]);
        let of = |fingerprint: u8, name: &str| {
            step(execution, crate::RequestFingerprint::from_bytes([fingerprint; 32]), name)
        };
        let steps = [of(1, "a"), of(1, "b"), of(2, "a")];
        for (at, step) in steps.iter().enumerate() {
            assert_eq!(step.beginning(), execution.beginning());
            assert!(!steps[..at].contains(step) && *step != execution);
        }
    }
}
