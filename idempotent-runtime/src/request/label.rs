//! Label of an entry: the text by which a store knows what an entry is of.
//!
//! It is the endpoint, and, where the application has a namespace, that namespace and a character
//! before it that neither of them can hold. Marks at its head, which nobody is shown, tell what
//! kind of work the claim is for.

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

/// Mark of an operation: the group separator of ASCII.
const OPERATION: char = '\u{1d}';
/// Mark of a claim for a transaction: the record separator of ASCII.
const TRANSACTION: char = '\u{1e}';

/// Domain of the hashes of namespaces.
const DOMAIN: u8 = 33;

/// Label of an endpoint of this namespace.
pub(super) fn label(namespace: &str, endpoint: &str) -> String {
    let endpoint = on_one_line(endpoint);
    cut(match shown(namespace) {
        namespace if namespace.is_empty() => endpoint,
        namespace => format!("{namespace}{SEPARATOR}{endpoint}"),
    })
}

/// Label of an operation of this namespace.
pub(super) fn of_operation(namespace: &str, name: &str) -> String {
    cut(format!("{OPERATION}{}", label(namespace, name)))
}

/// The same label, of a claim for a transaction.
pub(super) fn in_transaction(label: &str) -> String {
    cut(format!("{TRANSACTION}{label}"))
}

/// True for the label of an operation.
pub(crate) fn is_of_operation(label: &str) -> bool {
    marks_and_rest(label).0.contains(OPERATION)
}

/// True for the label of a claim for a transaction.
pub(crate) fn is_in_transaction(label: &str) -> bool {
    marks_and_rest(label).0.contains(TRANSACTION)
}

fn marks_and_rest(label: &str) -> (&str, &str) {
    label.split_at(label.len() - label.trim_start_matches([OPERATION, TRANSACTION]).len())
}

fn cut(mut label: String) -> String {
    label.truncate(beginning(&label, LONGEST).len());
    label
}

/// The endpoint that a label tells.
pub(crate) fn endpoint_of(label: &str) -> &str {
    let (_, label) = marks_and_rest(label);
    label.split_once(SEPARATOR).map_or(label, |(_, endpoint)| endpoint)
}

/// The namespace that a label tells, as it is [shown](shown).
pub(crate) fn namespace_of(label: &str) -> &str {
    let (_, label) = marks_and_rest(label);
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
    fn marks_tell_the_kind_of_work_and_are_shown_to_nobody() {
        for namespace in ["", "shop"] {
            let (request, operation) = (label(namespace, "settle"), of_operation(namespace, "settle"));
            for (label, is_operation, has_transaction) in [
                (in_transaction(&request), false, true),
                (in_transaction(&operation), true, true),
                (request, false, false),
                (operation, true, false),
            ] {
                assert_eq!((namespace_of(&label), endpoint_of(&label)), (namespace, "settle"));
                assert!(is_of(&label, namespace));
                let told = (is_of_operation(&label), is_in_transaction(&label));
                assert_eq!(told, (is_operation, has_transaction), "{label:?}");
            }
        }
        let invented = label("\u{1d}", "\u{1e}\u{1d}");
        assert!(!is_of_operation(&invented) && !is_in_transaction(&invented), "a name makes no mark");
        assert_eq!(in_transaction(&of_operation("", &"x".repeat(300))).len(), LONGEST);
    }

    #[test]
    fn a_label_is_on_one_line_and_cut_between_characters() {
        assert_eq!(label("", "a\nb\0c\u{85}\u{1f}d"), "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}d");
        assert_eq!(label("", &"é".repeat(200)), "é".repeat(127));
        assert_eq!(label("shop", &"x".repeat(300)).len(), LONGEST);
    }
}
