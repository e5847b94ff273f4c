//! The place of the key: `header:NAME`, `json:/POINTER`, `form:NAME`, `query:NAME`, or a function.

use syn::{ExprPath, LitStr};

use crate::args::Arg;
use crate::errors::Ctxt;
use crate::headers::is_of_a_token;
use crate::suggest;

const LIKE: &str = "header:X-Request-Id";
const KINDS: [&str; 4] = ["header", "json", "form", "query"];
const EXPECTED: &str = "expected \"header:NAME\", \"json:/POINTER\", \"form:NAME\", \"query:NAME\" or the path of a function \
     `fn(&HttpRequest, &[u8]) -> Option<String>`";

/// The model of `idempotent_runtime::KeySource`.
pub(crate) enum KeySource {
    Application,
    Header(LitStr),
    Json(LitStr),
    Form(LitStr),
    Query(LitStr),
    Function(ExprPath),
}

/// Checks the place of the key.
pub(crate) fn check(cx: &Ctxt, arg: &Arg) -> Option<KeySource> {
    let literal = arg.string(cx, &arg.unquoted().unwrap_or_else(|| LIKE.to_owned()))?;
    let text = literal.value();
    match parse(&text, &literal) {
        Ok(source) => Some(source),
        Err(mistake) => {
            cx.error(&literal, mistake);
            None
        }
    }
}

fn parse(text: &str, literal: &LitStr) -> Result<KeySource, String> {
    let (kind, name) = text.split_once(':').map_or((text, None), |(kind, name)| (kind, Some(name)));
    let named = |name: &str| LitStr::new(name, literal.span());
    match (kind, name) {
        ("header", Some(name)) => {
            header_mistake(name).map_or_else(|| Ok(KeySource::Header(named(name))), Err)
        }
        ("json", Some(pointer)) => {
            pointer_mistake(pointer).map_or_else(|| Ok(KeySource::Json(named(pointer))), Err)
        }
        ("form", Some("")) => Err(nameless("a form field", "form:event_id")),
        ("form", Some(name)) => Ok(KeySource::Form(named(name))),
        ("query", Some("")) => Err(nameless("a query parameter", "query:event_id")),
        ("query", Some(name)) => Ok(KeySource::Query(named(name))),
        (kind, None) if KINDS.contains(&kind) => Err(alone(kind)),
        _ => literal.parse().map(KeySource::Function).map_err(|_| other(text, kind, name)),
    }
}

fn nameless(what: &str, like: &str) -> String {
    format!("{what} has a name; write for instance `key = \"{like}\"`")
}

/// The mistake of a kind without a name.
fn alone(kind: &str) -> String {
    let like = match kind {
        "header" => LIKE,
        "json" => "json:/id",
        "form" => "form:event_id",
        _ => "query:event_id",
    };
    format!("\"{kind}\" has a name after it, as in \"{like}\"; a function of this name is \"self::{kind}\"")
}

/// The mistake of a text that is neither a known kind nor a path.
fn other(text: &str, kind: &str, name: Option<&str>) -> String {
    let meant = match name {
        Some(name) => suggest::nearest(kind, &KINDS).map(|kind| format!("{kind}:{}", name.trim())),
        None if text.starts_with('/') => Some(format!("json:{text}")),
        None if !text.is_empty() && text.chars().all(is_of_a_token) => Some(format!("header:{text}")),
        None => None,
    };
    match (meant, name) {
        (Some(meant), _) => format!("unknown place of a key \"{text}\"; did you mean \"{meant}\"?"),
        (None, Some(_)) => format!("unknown place of a key \"{kind}\"; {EXPECTED}"),
        (None, None) => EXPECTED.to_owned(),
    }
}

/// The reason for which `name` is no header's (RFC 9110, section 5.6.2).
fn header_mistake(name: &str) -> Option<String> {
    let stranger = name.chars().find(|char| !is_of_a_token(*char));
    let nearest: String =
        name.trim().chars().map(|char| if is_of_a_token(char) { char } else { '-' }).collect();
    match stranger {
        _ if nearest.trim_matches('-').is_empty() => Some(nameless("a header", LIKE)),
        Some(char) => {
            Some(format!("a header's name has no {char:?} in it; did you mean \"header:{nearest}\"?"))
        }
        None => None,
    }
}

/// The reason for which `text` is no pointer to a member (RFC 6901, section 3).
fn pointer_mistake(text: &str) -> Option<String> {
    let escaped = text.replace("~0", "").replace("~1", "");
    match text {
        "" | "/" => Some(nameless("a member of the JSON body", "json:/id")),
        _ if !text.starts_with('/') => {
            let dotted = text.trim_start_matches('$').trim_start_matches('.').replace('.', "/");
            Some(format!("a JSON pointer (RFC 6901) begins with `/`; did you mean \"json:/{dotted}\"?"))
        }
        _ if escaped.contains('~') => {
            let meant =
                text.replace("~0", "~").replace("~1", "\u{0}").replace('~', "~0").replace('\u{0}', "~1");
            Some(format!("in a JSON pointer (RFC 6901) `~` is written `~0`; did you mean \"json:{meant}\"?"))
        }
        _ => None,
    }
}
