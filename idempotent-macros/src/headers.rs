//! The names in `headers = "X-Api-Version, Accept"`.

use syn::LitStr;

use crate::args::Arg;
use crate::errors::Ctxt;

const LIKE: &str = "X-Api-Version, Accept";

/// Checks the names of headers, and gives them in small letters and sorted: neither their order nor
/// their case makes another request of a retry.
pub(crate) fn check(cx: &Ctxt, arg: &Arg) -> Option<Vec<LitStr>> {
    let literal = arg.string(cx, LIKE)?;
    let text = literal.value().to_ascii_lowercase();
    let mut names: Vec<_> = text.split(',').map(|name| name.trim_matches(' ')).collect();
    names.sort_unstable();
    let mistakes: Vec<_> = (0..names.len()).filter_map(|at| mistake(names[at], &names[..at])).collect();
    for mistake in &mistakes {
        cx.error(&literal, mistake);
    }
    mistakes.is_empty().then(|| names.iter().map(|name| LitStr::new(name, literal.span())).collect())
}

/// The reason for which `name` is none to compare by, beside those `before` it.
fn mistake(name: &str, before: &[&str]) -> Option<String> {
    match name {
        "" if before.contains(&name) => None,
        "" => Some(format!("expected names of headers with commas between them; write `headers = \"{LIKE}\"`")),
        _ if before.contains(&name) => Some(format!("the header `{name}` is named twice")),
        "idempotency-key" => {
            Some("the idempotency key is not compared: it says which requests are; remove `idempotency-key`".into())
        }
        _ => name.chars().find(|char| !is_of_a_token(*char)).map(|char| {
            format!("a header's name has no {char:?} in it; write the names with commas between them, as in \"{LIKE}\"")
        }),
    }
}

/// True for a character of a header's name (RFC 9110, section 5.6.2).
pub(crate) fn is_of_a_token(char: char) -> bool {
    char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char)
}
