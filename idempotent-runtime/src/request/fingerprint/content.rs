//! Content types whose bodies can be compared by meaning.

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use mime::{Mime, Name};

use super::PartsHasher;

/// A content type whose meaning is known.
#[derive(Debug)]
pub(super) struct Content {
    mime: Mime,
    pub(super) kind: Kind,
}

/// Kind of a content type whose meaning is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Form,
    Multipart,
}

impl Content {
    /// Reads the content type from the headers. `None` if the body has to be compared raw.
    ///
    /// That is so for every type that is not a [`Kind`], for two types, for a type with a repeated
    /// parameter, and for a body that is not in UTF-8 or that is encoded: its bytes do not mean
    /// what they seem to.
    pub(super) fn of(headers: &HeaderMap) -> Option<Content> {
        let mut types = headers.get_all(CONTENT_TYPE);
        let mime: Mime = types.next()?.to_str().ok()?.parse().ok()?;
        let plain = types.next().is_none() && !headers.contains_key(CONTENT_ENCODING);
        let utf8 = mime.params().all(|(name, value)| name != mime::CHARSET || value == mime::UTF_8);
        let kind = Kind::of(&mime)?;
        (plain && utf8 && !repeats_a_parameter(&mime)).then_some(Content { mime, kind })
    }

    /// Boundary between the parts of a multipart body.
    pub(super) fn boundary(&self) -> Option<&str> {
        self.mime.get_param(mime::BOUNDARY).map(|boundary| boundary.as_str())
    }

    /// Adds the media type and its parameters, without `charset=utf-8` and the boundary.
    pub(super) fn hash(&self, hasher: &mut PartsHasher) {
        hasher.part(self.mime.essence_str().as_bytes());
        hasher.count(self.parameters().count());
        for (name, value) in self.parameters() {
            hasher.part(name.as_str().as_bytes());
            hasher.part(value.as_str().as_bytes());
        }
    }

    fn parameters(&self) -> impl Iterator<Item = (Name<'_>, Name<'_>)> {
        let multipart = self.kind == Kind::Multipart;
        self.mime
            .params()
            .filter(move |(name, _)| *name != mime::CHARSET && !(multipart && *name == mime::BOUNDARY))
    }
}

fn repeats_a_parameter(mime: &Mime) -> bool {
    let names: Vec<_> = mime.params().map(|(name, _)| name).collect();
    names.iter().enumerate().any(|(at, name)| names[..at].contains(name))
}

impl Kind {
    /// Kind of a media type. JSON is what the WHATWG MIME Sniffing standard calls a JSON MIME type:
    /// `application/json`, `text/json`, and any `+json`.
    fn of(mime: &Mime) -> Option<Kind> {
        match (mime.essence_str(), mime.suffix()) {
            ("application/json" | "text/json", _) => Some(Kind::Json),
            (_, Some(suffix)) if suffix == mime::JSON => Some(Kind::Json),
            ("application/x-www-form-urlencoded", _) => Some(Kind::Form),
            ("multipart/form-data", _) => Some(Kind::Multipart),
            _ => None,
        }
    }
}
