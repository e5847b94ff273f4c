use std::fmt;

use http::HeaderValue;
use uuid::Uuid;

/// The longest key, in characters.
const MAX_LENGTH: usize = 255;

/// The key that a request is sent with: 1 to 255 characters of ASCII, visible ones or spaces.
///
/// [`Idempotent`](crate::Idempotent) puts the key into the extensions of the response
/// (`response.extensions().get::<Key>()`) and into the text of [`Unanswered`](crate::Unanswered),
/// so that the people who run the server can look for the request by it.
///
/// A key is no secret by itself. But somebody who has the caller's credentials too gets the
/// caller's answer by it, and where a server asks for no credentials, the key is all that one
/// needs. So `Debug` does not show the key, and `Display` does: print it where you would print an
/// order's number, and not for everybody.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(Box<str>);

impl Key {
    /// A key of these characters.
    ///
    /// # Errors
    /// If the text is empty, longer than 255 characters, or holds other characters than visible
    /// ASCII and spaces.
    pub fn new(text: impl Into<String>) -> Result<Key, InvalidKey> {
        let text = text.into();
        match text.len() {
            0 => Err(InvalidKey("the key is empty; 1 to 255 characters are allowed")),
            1..=MAX_LENGTH if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => Ok(Key(text.into())),
            1..=MAX_LENGTH => Err(InvalidKey("the key may hold only visible ASCII characters and spaces")),
            _ => Err(InvalidKey("the key is too long; 1 to 255 characters are allowed")),
        }
    }

    /// Its characters, without the quotes that its header may have.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A new one, a UUIDv7.
    pub(crate) fn fresh() -> Key {
        Key(Uuid::now_v7().to_string().into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} characters)", self.0.len())
    }
}

/// A text is no [`Key`]; says why, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKey(&'static str);

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidKey {}

const BAD_STRING: InvalidKey = InvalidKey(
    "a key that starts with a quote must be one RFC 8941 string, with \\\" and \\\\ as the only escapes",
);
const NOT_BARE: InvalidKey = InvalidKey("a key without quotes may not hold a space, a comma or a quote");

/// Form in which a key is written into its header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyForm {
    /// As an RFC 8941 string.
    Quoted,
    /// As it is.
    Bare,
}

impl KeyForm {
    /// The header's value.
    pub(crate) fn write(self, key: &Key) -> Result<HeaderValue, InvalidKey> {
        let text = match self {
            KeyForm::Quoted => format!("\"{}\"", key.0.replace('\\', r"\\").replace('"', r#"\""#)),
            KeyForm::Bare if key.0.contains([' ', ',', '"']) => return Err(NOT_BARE),
            KeyForm::Bare => key.0.to_string(),
        };
        HeaderValue::try_from(text).map_err(|_| NOT_BARE)
    }

    /// Reads the key of a header that the caller has set. A bare key is read also where keys are
    /// quoted, as a server does.
    pub(crate) fn read(self, value: &HeaderValue) -> Result<Key, InvalidKey> {
        let text = String::from_utf8_lossy(value.as_bytes().trim_ascii());
        match self {
            KeyForm::Quoted if text.starts_with('"') => Key::new(unquoted(&text).ok_or(BAD_STRING)?),
            KeyForm::Quoted | KeyForm::Bare => Key::new(text),
        }
    }
}

/// Text of an RFC 8941 string. Parameters behind it do not count.
fn unquoted(text: &str) -> Option<String> {
    let (mut chars, mut said) = (text.strip_prefix('"')?.chars(), String::new());
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => said.push(chars.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            char => said.push(char),
        }
    }
    let behind = chars.as_str();
    (behind.is_empty() || behind.starts_with(';')).then_some(said)
}
