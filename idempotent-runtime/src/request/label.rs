//! Label of an entry: the text by which a store knows what an entry is of.
//!
//! It is the endpoint, and, where the application has a namespace, that namespace and a character
//! before it that neither of them can hold.

use std::{borrow::Cow, char::REPLACEMENT_CHARACTER};

use super::PartsHasher;

/// Longest label, in bytes. What is longer is cut off.
pub(super) const LONGEST: usize = 255;
/// Longest namespace that is shown as it is, in bytes.
const LONGEST_NAMESPACE: usize = 64;
/// Bytes of a longer one that are shown.
const BEGINNING: usize = 48;

/// Stands between namespace and endpoint: the unit separator of ASCII.
const SEPARATOR: char = '\u{1f}';

/// Domain of the hashes of namespaces.
const DOMAIN: u8 = 33;

/// Label of an endpoint of this namespace.
pub(super) fn label(namespace: &str, endpoint: &str) -> String {
    let endpoint = on_one_line(endpoint);
    let mut label = match shown(namespace) {
        namespace if namespace.is_empty() => endpoint,
        namespace => format!("{namespace}{SEPARATOR}{endpoint}"),
    };
    label.truncate(beginning(&label, LONGEST).len());
    label
}

/// The endpoint that a label tells.
pub(crate) fn endpoint_of(label: &str) -> &str {
    label.split_once(SEPARATOR).map_or(label, |(_, endpoint)| endpoint)
}

/// The namespace that a label tells, as it is [shown](shown).
pub(crate) fn namespace_of(label: &str) -> &str {
    label.split_once(SEPARATOR).map_or("", |(namespace, _)| namespace)
}

/// True for the label of an entry of this namespace. An entry without a label is nobody's.
pub(crate) fn is_of(label: &str, namespace: &str) -> bool {
    !label.is_empty() && namespace_of(label) == shown(namespace)
}

/// A namespace as labels show it. One that is long, or that would not be on one line, is its
/// beginning and a part of its hash, so that no two are shown alike.
fn shown(namespace: &str) -> Cow<'_, str> {
    if namespace.len() <= LONGEST_NAMESPACE && !namespace.contains(char::is_control) {
        return Cow::Borrowed(namespace);
    }
    let mut hasher = PartsHasher::new(DOMAIN);
    hasher.part(namespace.as_bytes());
    let [a, b, c, d, ..] = hasher.finish();
    let beginning = on_one_line(beginning(namespace, BEGINNING));
    Cow::Owned(format!("{beginning}~{:08x}", u32::from_be_bytes([a, b, c, d])))
}

/// Beginning of a text, of so many bytes at most.
fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rfind(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

fn on_one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { REPLACEMENT_CHARACTER } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_tells_the_endpoint_and_the_namespace_that_it_was_made_of() {
        for (namespace, endpoint) in
            [("", "POST /orders"), ("shop", "POST /orders"), ("shop", ""), ("a b", "é")]
        {
            let label = label(namespace, endpoint);
            assert_eq!((namespace_of(&label), endpoint_of(&label)), (namespace, endpoint));
        }
        assert_eq!(label("", "POST /orders"), "POST /orders");
    }

    #[test]
    fn an_entry_is_of_its_namespace_and_of_no_other() {
        let long = "x".repeat(65);
        let namespaces = ["", "shop", "sho", "shop\u{1f}", "shop\n", &long, &long[..64], &"x".repeat(66)];
        for of in namespaces {
            for other in namespaces {
                let label = label(of, "POST /orders");
                assert_eq!(is_of(&label, other), of == other, "{of:?} {other:?}");
                assert_eq!(endpoint_of(&label), "POST /orders");
            }
        }
        assert!(!is_of("", ""), "it tells nothing");
    }

    #[test]
    fn a_label_is_on_one_line_and_cut_between_characters() {
        assert_eq!(label("", "a\nb\0c\u{85}\u{1f}d"), "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}d");
        assert_eq!(label("", &"é".repeat(200)), "é".repeat(127));
        assert_eq!(label("shop", &"x".repeat(300)).len(), LONGEST);
    }
}
