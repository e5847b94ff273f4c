//! A path in its normal form (RFC 3986, section 6.2.2).
//!
//! Unreserved characters are written as themselves, and hexadecimal digits as capitals. A character
//! that no path may hold, but that clients send, is percent-encoded. Reserved characters stay as
//! they were sent: `%2F` is no slash. Dot segments stay too, since actix routes them like any other
//! segment. A path with a percent sign that encodes nothing stays as a whole as it was sent.

use std::{borrow::Cow, fmt::Write, ops::Deref};

/// A path, or a route's pattern, in its normal form, so that two spellings of one path are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NormalPath<'a>(Cow<'a, str>);

impl<'a> NormalPath<'a> {
    /// Normal form of `path`, without a copy where `path` is in that form already.
    pub(crate) fn of(path: &'a str) -> Self {
        let (usual, unusual) = path.split_at(first_unusual(path.as_bytes()).unwrap_or(path.len()));
        if unusual.is_empty() || is_malformed(path.as_bytes()) {
            return NormalPath(Cow::Borrowed(path));
        }
        let mut normal = String::with_capacity(path.len());
        normal.push_str(usual);
        push_normal(&mut normal, unusual.as_bytes());
        NormalPath(Cow::Owned(normal))
    }

    /// Normal form of `pattern`. Without a placeholder it is a path, and with one it stays as it is
    /// written.
    pub(crate) fn of_pattern(pattern: String) -> NormalPath<'static> {
        let is_normal = pattern.contains('{') || first_unusual(pattern.as_bytes()).is_none();
        if is_normal { NormalPath(Cow::Owned(pattern)) } else { NormalPath::of(&pattern).into_owned() }
    }

    /// The same path, with its text in an allocation of its own.
    pub(crate) fn into_owned(self) -> NormalPath<'static> {
        NormalPath(Cow::Owned(self.0.into_owned()))
    }
}

impl Deref for NormalPath<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Position of the first character that is not in its normal form.
fn first_unusual(path: &[u8]) -> Option<usize> {
    (0..path.len()).find(|&at| match path[at] {
        b'%' => encoded(&path[at + 1..]).is_some_and(|byte| {
            is_unreserved(byte) || path[at + 1..at + 3].iter().any(u8::is_ascii_lowercase)
        }),
        byte => !is_of_a_path(byte),
    })
}

/// True where a percent sign encodes nothing. Such a path has no other spelling: characters that
/// are decoded beside the sign could be read together with it.
fn is_malformed(path: &[u8]) -> bool {
    (0..path.len()).any(|at| path[at] == b'%' && encoded(&path[at + 1..]).is_none())
}

fn push_normal(normal: &mut String, mut path: &[u8]) {
    while let [byte, rest @ ..] = path {
        path = rest;
        match (byte, encoded(rest)) {
            (b'%', Some(byte)) => {
                path = &rest[2..];
                push(normal, byte, is_unreserved(byte));
            }
            (&byte, _) => push(normal, byte, is_of_a_path(byte)),
        }
    }
}

fn push(normal: &mut String, byte: u8, as_it_is: bool) {
    if as_it_is {
        normal.push(char::from(byte));
    } else {
        let _ = write!(normal, "%{byte:02X}");
    }
}

/// Byte that two hexadecimal digits after a percent sign stand for.
fn encoded(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// True for characters that may stand in a path as they are. Those that are delimiters elsewhere in
/// a URI are among them.
fn is_of_a_path(byte: u8) -> bool {
    is_unreserved(byte) || b":/?#[]@!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_one_normal_form_and_that_is_its_own() {
        for (spelling, normal) in [
            ("", ""),
            ("/", "/"),
            ("/x%7Ey", "/x~y"),
            ("/al%69ce/%41", "/alice/A"),
            ("/%c3%a9/é", "/%C3%A9/%C3%A9"),
            ("/a%2fb%3Fc", "/a%2Fb%3Fc"),
            ("/\"<>\\^`{|} ", "/%22%3C%3E%5C%5E%60%7B%7C%7D%20"),
            ("/%/%7/%zz/%7z/%%41", "/%/%7/%zz/%7z/%%41"),
            ("/%%341", "/%%341"),
            ("/%C3%%419", "/%C3%%419"),
            ("/./a/../b//", "/./a/../b//"),
            ("/%2e%2E", "/.."),
            ("/%25%2561", "/%25%2561"),
        ] {
            assert_eq!(&*NormalPath::of(spelling), normal);
            assert_eq!(&*NormalPath::of(normal), normal);
        }
    }

    #[test]
    fn what_is_in_its_normal_form_is_not_copied() {
        for path in ["", "/", "/accounts/42/transfers", "/a-b._~/!$&'()*+,;=:@[]", "/%C3%A9/a%20b", "/%/%zz"]
        {
            assert!(matches!(NormalPath::of(path), NormalPath(Cow::Borrowed(_))), "{path}");
        }
    }
}
