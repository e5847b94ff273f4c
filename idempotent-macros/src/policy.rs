//! The arguments' meaning: each value checked.

use std::time::Duration;

use proc_macro2::Span;
use quote::ToTokens;
use syn::{ExprPath, LitStr};

use crate::args::{Arg, Args};
use crate::duration;
use crate::errors::Ctxt;
use crate::key::{self, KeySource};
use crate::{headers, suggest};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LONGEST_GROUP: usize = 64;

/// The checked arguments: the model of `idempotent_runtime::Policy`.
pub(crate) struct Policy {
    /// `None`, as for others: the application's default.
    pub(crate) ttl: Option<Duration>,
    /// Place of a ttl that is shorter than the time for which clients go on retrying.
    pub(crate) short_ttl: Option<Span>,
    pub(crate) scope: Scope,
    pub(crate) required: Option<bool>,
    pub(crate) wait: Option<Duration>,
    pub(crate) replay: Option<Replay>,
    pub(crate) fingerprint: Fingerprint,
    /// The function that says who calls this endpoint, where it is not the application's.
    pub(crate) principal: Option<ExprPath>,
    /// The place of the key.
    pub(crate) key: KeySource,
    pub(crate) abandoned: Option<Abandoned>,
    pub(crate) transaction: bool,
    /// In small letters, sorted.
    pub(crate) headers: Vec<LitStr>,
}

pub(crate) enum Scope {
    Endpoint,
    Resource,
    Global,
    Group(LitStr),
}

#[derive(Clone, Copy)]
pub(crate) enum Replay {
    All,
    Final,
    Success,
}

pub(crate) enum Fingerprint {
    Raw,
    Canonical,
    Function(ExprPath),
}

#[derive(Clone, Copy)]
pub(crate) enum Abandoned {
    Refuse,
    Rerun,
}

const REPLAYS: [(&str, Replay); 3] =
    [("all", Replay::All), ("final", Replay::Final), ("success", Replay::Success)];
const ABANDONED: [(&str, Abandoned); 2] = [("refuse", Abandoned::Refuse), ("rerun", Abandoned::Rerun)];
const SCOPES: [&str; 4] = ["endpoint", "resource", "global", "group:NAME"];
const FINGERPRINTS: [&str; 2] = ["raw", "canonical"];

impl Policy {
    /// Checks every argument. One that is wrong is taken for one that is left out, so that the
    /// others are still checked.
    pub(crate) fn check(cx: &Ctxt, args: &Args) -> Self {
        let (ttl, short_ttl) = check_ttl(cx, args.ttl.as_ref());
        Self {
            ttl,
            short_ttl,
            scope: args.scope.as_ref().and_then(|arg| check_scope(cx, arg)).unwrap_or(Scope::Endpoint),
            required: args.required.as_ref().and_then(|arg| arg.bool(cx)).map(|required| required.value),
            wait: args
                .wait
                .as_ref()
                .and_then(|arg| check_wait(cx, arg, ttl.unwrap_or(DAY), args.ttl.as_ref())),
            replay: args.replay.as_ref().and_then(|arg| one_of(cx, arg, &REPLAYS)),
            fingerprint: args
                .fingerprint
                .as_ref()
                .and_then(|arg| check_fingerprint(cx, arg))
                .unwrap_or(Fingerprint::Raw),
            principal: args.principal.as_ref().and_then(|arg| check_principal(cx, arg)),
            key: args.key.as_ref().and_then(|arg| key::check(cx, arg)).unwrap_or(KeySource::Application),
            abandoned: args.abandoned.as_ref().and_then(|arg| one_of(cx, arg, &ABANDONED)),
            transaction: check_transaction(cx, args),
            headers: args.headers.as_ref().and_then(|arg| headers::check(cx, arg)).unwrap_or_default(),
        }
    }
}

/// The time to live, and where it is written if it is short.
fn check_ttl(cx: &Ctxt, arg: Option<&Arg>) -> (Option<Duration>, Option<Span>) {
    let Some((ttl, literal)) = arg.and_then(|arg| check_duration(cx, arg, "24h")) else {
        return (None, None);
    };
    if ttl.is_zero() {
        cx.error(&literal, "a `ttl` of zero would replay nothing; write for instance `ttl = \"24h\"`");
        return (None, None);
    }
    (Some(ttl), (ttl < DAY).then(|| literal.span()))
}

fn check_wait(cx: &Ctxt, arg: &Arg, ttl: Duration, ttl_arg: Option<&Arg>) -> Option<Duration> {
    let (wait, literal) = check_duration(cx, arg, "10s")?;
    if wait >= ttl {
        let written =
            ttl_arg.map_or("\"24h\" by default".to_owned(), |ttl| ttl.value.to_token_stream().to_string());
        cx.error(&literal, format!("`wait` has to be shorter than `ttl`, which is {written}"));
    }
    Some(wait)
}

fn check_duration(cx: &Ctxt, arg: &Arg, like: &str) -> Option<(Duration, LitStr)> {
    let literal = arg.string(cx, like)?;
    match duration::parse(&literal.value()) {
        Ok(duration) => Some((duration, literal)),
        Err(mistake) => {
            cx.error(&literal, mistake);
            None
        }
    }
}

fn one_of<T: Copy, const N: usize>(cx: &Ctxt, arg: &Arg, allowed: &[(&'static str, T); N]) -> Option<T> {
    let names = allowed.each_ref().map(|(name, _)| *name);
    let literal = arg.string(cx, names[0])?;
    let text = literal.value();
    let found = allowed.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        cx.error(&literal, suggest::unknown(&format!("value of `{}`", arg.name), &text, &names, '"'));
    }
    found.map(|(_, value)| *value)
}

fn check_scope(cx: &Ctxt, arg: &Arg) -> Option<Scope> {
    let literal = arg.string(cx, "endpoint")?;
    let text = literal.value();
    match (text.as_str(), text.split_once(':')) {
        ("endpoint", _) => Some(Scope::Endpoint),
        ("resource", _) => Some(Scope::Resource),
        ("global", _) => Some(Scope::Global),
        (_, Some(("group", name))) => check_group(cx, &literal, name),
        ("group", None) => check_group(cx, &literal, ""),
        (_, Some((prefix, name))) if suggest::nearest(prefix, &["group"]).is_some() => {
            cx.error(&literal, format!("unknown scope \"{text}\"; did you mean \"group:{}\"?", name.trim()));
            None
        }
        _ => {
            cx.error(&literal, suggest::unknown("scope", &text, &SCOPES, '"'));
            None
        }
    }
}

fn check_group(cx: &Ctxt, literal: &LitStr, name: &str) -> Option<Scope> {
    let belongs = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let stranger = name.chars().find(|c| !belongs(*c));
    let mistake = match stranger {
        _ if name.is_empty() => "a group has a name; write for instance \"group:payments\"".to_owned(),
        Some(c) => format!("a group name has no {c:?} in it, only ASCII letters, digits, `.`, `_` and `-`"),
        None if name.len() > LONGEST_GROUP => {
            format!("a group name has at most {LONGEST_GROUP} characters, and this one has {}", name.len())
        }
        None => return Some(Scope::Group(LitStr::new(name, literal.span()))),
    };
    cx.error(literal, mistake);
    None
}

fn check_fingerprint(cx: &Ctxt, arg: &Arg) -> Option<Fingerprint> {
    let literal = arg.string(cx, &arg.unquoted().unwrap_or_else(|| "canonical".to_owned()))?;
    match literal.value().as_str() {
        "raw" => return Some(Fingerprint::Raw),
        "canonical" => return Some(Fingerprint::Canonical),
        text => {
            if let Some(meant) = suggest::nearest(text, &FINGERPRINTS) {
                cx.error(&literal, misspelt(text, meant));
                return None;
            }
        }
    }
    let expected =
        "expected \"raw\", \"canonical\" or the path of a function `fn(&HttpRequest, &[u8]) -> Vec<u8>`";
    check_path(cx, &literal, expected).map(Fingerprint::Function)
}

fn check_principal(cx: &Ctxt, arg: &Arg) -> Option<ExprPath> {
    let literal = arg.string(cx, &arg.unquoted().unwrap_or_else(|| "crate::caller".to_owned()))?;
    check_path(
        cx,
        &literal,
        "expected the path of a function, such as `async fn(Session) -> Result<Principal, actix_web::Error>`, with extractors",
    )
}

/// The path of a function. Its tokens get the span of the literal, so that rustc's errors about the
/// function point at it.
fn check_path(cx: &Ctxt, literal: &LitStr, expected: &str) -> Option<ExprPath> {
    let path = literal.parse::<ExprPath>();
    if path.is_err() {
        cx.error(literal, expected);
    }
    path.ok()
}

fn misspelt(text: &str, meant: &str) -> String {
    format!(
        "unknown fingerprint \"{text}\"; did you mean \"{meant}\"? a function of this name is \"self::{text}\""
    )
}

/// True where the flag is there. Arguments that a transaction decides by itself cannot be chosen
/// beside it.
fn check_transaction(cx: &Ctxt, args: &Args) -> bool {
    let Some(transaction) = &args.transaction else { return false };
    for Arg { name, .. } in [&args.replay, &args.abandoned].into_iter().flatten() {
        cx.error(
            name,
            format!("`{name}` has no meaning beside `transaction`, which decides it; remove one of them"),
        );
    }
    if !transaction.is_flag() {
        cx.error(&transaction.value, "`transaction` is a flag; write `transaction` alone");
    }
    true
}
