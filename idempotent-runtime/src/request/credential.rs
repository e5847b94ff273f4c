//! Parts of a request by which callers are told apart where no principal is configured.

use std::fmt;

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName};
use percent_encoding::percent_decode;

/// A part of a request by which callers are told apart where no principal is configured: a header,
/// or one cookie.
///
/// It is part of the fingerprint: the same key with other credentials is `key_reused`.
///
/// ```
/// use idempotent_runtime::{Credential, Idempotency};
///
/// # fn main() -> Result<(), idempotent_runtime::BuildError> {
/// let credentials = [Credential::header("Authorization"), Credential::cookie("id")];
/// let idempotency = Idempotency::builder().credentials(credentials).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential(Named);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Header(String),
    Cookie(String),
}

impl Credential {
    /// A header, with every line of it. For `Cookie`, every cookie, in one line or in many.
    pub fn header(name: impl Into<String>) -> Self {
        Credential(Named::Header(name.into()))
    }

    /// The cookie of this name, and no other. Case counts.
    pub fn cookie(name: impl Into<String>) -> Self {
        Credential(Named::Cookie(name.into()))
    }

    /// Place in a request that this names. The error is the name that no request can have.
    fn source(self) -> Result<Source, String> {
        match self.0 {
            Named::Header(name) => match HeaderName::from_bytes(name.as_bytes()) {
                Ok(COOKIE) => Ok(Source::Cookies),
                Ok(name) => Ok(Source::Header(name)),
                Err(_) => Err(name),
            },
            Named::Cookie(name) if name.is_empty() => Err(name),
            Named::Cookie(name) => Ok(Source::Cookie(name)),
        }
    }
}

/// Credentials by which an application tells its callers apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// The usual ones: the application has named none.
    #[default]
    Usual,
    /// The credentials that the application has named, each once, in an order that does not depend
    /// on the application's.
    Named(Vec<Source>),
}

static USUAL: [Source; 3] =
    [Source::Cookies, Source::Header(AUTHORIZATION), Source::Header(HeaderName::from_static("x-api-key"))];

impl Credentials {
    /// Takes the credentials that an application has named.
    ///
    /// # Errors
    /// The first name that no request can have.
    pub(crate) fn named(credentials: Vec<Credential>) -> Result<Self, String> {
        let sources: Result<Vec<_>, _> = credentials.into_iter().map(Credential::source).collect();
        let mut sources = sources?;
        sources.sort_by(|one, other| one.name().cmp(&other.name()));
        sources.dedup_by(|one, other| one.name() == other.name());
        Ok(Credentials::Named(sources))
    }

    /// Credentials that a request with these headers presents.
    pub(crate) fn presented<'a>(&'a self, headers: &'a HeaderMap) -> Vec<Presented<'a>> {
        let mut presented = Vec::new();
        for source in self.sources() {
            source.find(headers, |value| presented.push(Presented { source, value }));
        }
        presented
    }

    fn sources(&self) -> &[Source] {
        match self {
            Credentials::Usual => &USUAL,
            Credentials::Named(sources) => sources,
        }
    }
}

impl fmt::Display for Credentials {
    /// Lists the places of the credentials, for somebody who sends them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, source) in self.sources().iter().enumerate() {
            f.write_str(if number > 0 { ", " } else { "" })?;
            match source {
                Source::Header(name) => write!(f, "{name}")?,
                Source::Cookie(name) => write!(f, "the cookie {name}")?,
                Source::Cookies => f.write_str("cookies")?,
            }
        }
        Ok(())
    }
}

/// One value of one credential, as a request presents it.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a> {
    source: &'a Source,
    value: &'a [u8],
}

impl Presented<'_> {
    /// Kind and name of the credential, and its value. Two different presented values never have
    /// the same parts.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        let (kind, name) = self.source.name();
        [kind.as_bytes(), name.as_bytes(), self.value]
    }

    /// True where the value came in a cookie.
    pub(crate) fn is_cookie(&self) -> bool {
        !matches!(self.source, Source::Header(_))
    }
}

/// Place in a request where a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Header(HeaderName),
    Cookie(String),
    Cookies,
}

impl Source {
    fn name(&self) -> (&str, &str) {
        match self {
            Source::Header(name) => ("header", name.as_str()),
            Source::Cookie(name) => ("cookie", name),
            Source::Cookies => ("cookies", ""),
        }
    }

    /// Hands over each value that is there.
    fn find<'a>(&self, headers: &'a HeaderMap, found: impl FnMut(&'a [u8])) {
        match self {
            Source::Header(name) => headers.get_all(name).map(|line| line.as_bytes()).for_each(found),
            Source::Cookie(wanted) => {
                cookies(headers).filter_map(|cookie| value_of(cookie, wanted)).for_each(found)
            }
            Source::Cookies => cookies(headers).for_each(found),
        }
    }
}

/// Cookies of a request. HTTP/2 may send each in a line of its own (RFC 9113, section 8.2.3), which
/// makes no difference.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let cookies = headers.get_all(COOKIE).flat_map(|line| line.as_bytes().split(|&byte| byte == b';'));
    cookies.map(trimmed).filter(|cookie| !cookie.is_empty())
}

/// Value of a cookie, if its name is `wanted`. A handler gets the name percent-decoded, or as it
/// is. It gets the value in the same way, but values are compared as they are.
fn value_of<'a>(cookie: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let at = cookie.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (trimmed(&cookie[..at]), trimmed(&cookie[at + 1..]));
    let is_wanted = name == wanted.as_bytes() || percent_decode(name).eq(wanted.bytes());
    is_wanted.then(|| trimmed(unquoted(value)))
}

/// The text without the white space around it, of every kind that Unicode knows: so actix gives
/// names and values to a handler.
fn trimmed(text: &[u8]) -> &[u8] {
    str::from_utf8(text).map_or(text.trim_ascii(), |text| text.trim().as_bytes())
}

/// The value without the quotes around it.
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}
