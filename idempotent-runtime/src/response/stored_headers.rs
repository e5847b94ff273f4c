//! Headers that are part of a record, and so of every replay. Headers that belong to one
//! connection, one moment or one caller are not.

use std::borrow::Cow;

use actix_web::http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};

/// Marks a response as the recorded one.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Headers that are never stored. Those of proxies, and those that `Connection` names, are not
/// stored either.
const NEVER_STORED: [HeaderName; 8] =
    [CONNECTION, CONTENT_LENGTH, DATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE];

/// The headers of a response that are stored.
pub(crate) fn stored(
    headers: &HeaderMap,
    set_cookie: bool,
) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let named = connection_headers(headers);
    let is_kept = move |name: &HeaderName| {
        (set_cookie || name != SET_COOKIE) && is_replayed(name) && !named.contains(&name.as_str().into())
    };
    headers.iter().filter(move |(name, _)| is_kept(name))
}

/// True for a header that is replayed as it was sent. `Set-Cookie` is, where the application has
/// said so.
pub(crate) fn is_replayed(name: &HeaderName) -> bool {
    !(NEVER_STORED.contains(name)
        || name == REPLAYED
        || name == "keep-alive"
        || name.as_str().starts_with("proxy-"))
}

/// Headers that `Connection` declares to be hop-by-hop (RFC 9110, section 7.6.1).
fn connection_headers(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    let lines = headers.get_all(CONNECTION).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|name| name.trim().to_ascii_lowercase().into()).collect()
}
