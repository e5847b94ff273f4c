//! Fields of a form.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::PartsHasher;

/// Adds the fields of an `application/x-www-form-urlencoded` body, in their order, names and values
/// decoded.
///
/// Every body has fields, so this cannot fail.
pub(super) fn hash_fields(hasher: &mut PartsHasher, body: &[u8]) {
    for (name, value) in fields(body) {
        hasher.part(&name);
        hasher.part(&value);
    }
}

/// Fields as the WHATWG URL standard parses them, but as bytes: bytes that are not UTF-8 are not
/// replaced.
///
/// An empty field is left out, and a name without `=` has an empty value.
pub(crate) fn fields(body: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    body.split(|&byte| byte == b'&').filter(|field| !field.is_empty()).map(|field| {
        let name = field.split(|&byte| byte == b'=').next().unwrap_or_default();
        let value = field.get(name.len() + 1..).unwrap_or_default();
        (decode(name), decode(value))
    })
}

fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = text.iter().position(|byte| matches!(byte, b'+' | b'%')) else {
        return Cow::Borrowed(text);
    };
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend_from_slice(&text[..first]);
    for (at, word) in text[first..].split(|&byte| byte == b'+').enumerate() {
        if at > 0 {
            decoded.push(b' ');
        }
        decoded.extend(percent_decode(word));
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        fields(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }

    fn hash(body: &[u8]) -> [u8; 32] {
        let mut hasher = PartsHasher::new(0);
        hash_fields(&mut hasher, body);
        hasher.finish()
    }

    #[test]
    fn names_and_values_are_decoded_in_their_order() {
        assert_eq!(
            decoded(b"b=1&a=x+y%20z&c=%2B%26%3d&%C3%A9=%"),
            [
                (b"b".to_vec(), b"1".to_vec()),
                (b"a".to_vec(), b"x y z".to_vec()),
                (b"c".to_vec(), b"+&=".to_vec()),
                ("é".into(), b"%".to_vec()),
            ]
        );
    }

    #[test]
    fn only_the_first_equals_sign_separates() {
        assert_eq!(decoded(b"a=b=c"), [(b"a".to_vec(), b"b=c".to_vec())]);
        assert_eq!(decoded(b"="), [(vec![], vec![])]);
    }

    #[test]
    fn escape_forms_and_empty_fields_do_not_count() {
        for same in ["a=b c", "a=b+c", "a=b%20c", "%61=%62%20%63", "&&a=b+c&", "a=b%20%63"] {
            assert_eq!(hash(same.as_bytes()), hash(b"a=b+c"), "{same}");
        }
        assert_eq!(hash(b"a"), hash(b"a="));
        assert_eq!(hash(b"%2f"), hash(b"%2F"));
    }

    #[test]
    fn fields_that_differ_have_another_hash() {
        let bodies: [&[u8]; 12] = [
            b"",
            b"=",
            b"a",
            b"a&b",
            b"b&a",
            b"a=b",
            b"ab",
            b"a%26b",
            b"a=%FF",
            b"a=%FE",
            b"a=%EF%BF%BD",
            b"a&a",
        ];
        for (at, a) in bodies.iter().enumerate() {
            for b in &bodies[at + 1..] {
                assert_ne!(hash(a), hash(b), "{} and {}", a.escape_ascii(), b.escape_ascii());
            }
        }
    }

    #[test]
    fn what_is_not_an_escape_stands_for_itself() {
        for text in ["%", "%4", "%+41", "%zz", "a%"] {
            assert_eq!(decoded(text.as_bytes())[0].0, text.replace('+', " ").into_bytes());
        }
    }
}
