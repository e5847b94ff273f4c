//! The grammar of the attribute's arguments: `name = value`, or a bare `name`, separated by commas.
//!
//! Nothing is judged here but form. A mistake in one argument does not hide the others.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Lit, LitBool, LitStr, Path, Result, Token};

use crate::errors::Ctxt;
use crate::suggest;

/// Names of the arguments.
pub(crate) const NAMES: [&str; 11] = [
    "ttl",
    "scope",
    "required",
    "wait",
    "replay",
    "fingerprint",
    "principal",
    "key",
    "abandoned",
    "transaction",
    "headers",
];

/// The arguments as written, each at most once.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) ttl: Option<Arg>,
    pub(crate) scope: Option<Arg>,
    pub(crate) required: Option<Arg>,
    pub(crate) wait: Option<Arg>,
    pub(crate) replay: Option<Arg>,
    pub(crate) fingerprint: Option<Arg>,
    pub(crate) principal: Option<Arg>,
    pub(crate) key: Option<Arg>,
    pub(crate) abandoned: Option<Arg>,
    pub(crate) transaction: Option<Arg>,
    pub(crate) headers: Option<Arg>,
}

/// One argument.
pub(crate) struct Arg {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// Part of an argument that stands after its name.
pub(crate) enum Value {
    /// Nothing.
    Flag,
    /// `= literal`.
    Lit(Lit),
    /// `= something else`, which is never right.
    Other(TokenStream),
}

impl Args {
    /// Reads every argument that can be read.
    pub(crate) fn parse(cx: &Ctxt, tokens: TokenStream) -> Self {
        let mut args = Self::default();
        for piece in split_at_commas(tokens) {
            match syn::parse2(piece) {
                Ok(arg) => args.set_once(cx, arg),
                Err(error) => cx.push(error),
            }
        }
        args
    }

    fn set_once(&mut self, cx: &Ctxt, arg: Arg) {
        let name = arg.name.to_string();
        match self.slot(&name) {
            None => cx.error(&arg.name, suggest::unknown("argument", &name, &NAMES, '`')),
            Some(Some(_)) => cx.error(&arg.name, format!("`{name}` is given twice")),
            Some(slot @ None) => *slot = Some(arg),
        }
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<Arg>> {
        Some(match name {
            "ttl" => &mut self.ttl,
            "scope" => &mut self.scope,
            "required" => &mut self.required,
            "wait" => &mut self.wait,
            "replay" => &mut self.replay,
            "fingerprint" => &mut self.fingerprint,
            "principal" => &mut self.principal,
            "key" => &mut self.key,
            "abandoned" => &mut self.abandoned,
            "transaction" => &mut self.transaction,
            "headers" => &mut self.headers,
            _ => return None,
        })
    }
}

impl Arg {
    /// True where the name stands alone.
    pub(crate) fn is_flag(&self) -> bool {
        matches!(self.value, Value::Flag)
    }

    /// A path that should have been in quotes, as it should have been written.
    pub(crate) fn unquoted(&self) -> Option<String> {
        let Value::Other(tokens) = &self.value else { return None };
        let path = syn::parse2::<Path>(tokens.clone()).ok()?;
        Some(path.to_token_stream().to_string().replace(' ', ""))
    }

    /// The value, which has to be a string; `like` shows what to write.
    pub(crate) fn string(&self, cx: &Ctxt, like: &str) -> Option<LitStr> {
        let name = &self.name;
        match &self.value {
            Value::Lit(Lit::Str(value)) => return Some(value.clone()),
            Value::Flag => cx.error(name, format!("`{name}` has a value; write `{name} = \"{like}\"`")),
            other => cx.error(other, format!("`{name}` is a string in quotes; write `{name} = \"{like}\"`")),
        }
        None
    }

    /// The value, which has to be `true` or `false`.
    pub(crate) fn bool(&self, cx: &Ctxt) -> Option<LitBool> {
        let name = &self.name;
        match &self.value {
            Value::Lit(Lit::Bool(value)) => return Some(value.clone()),
            Value::Flag => {
                cx.error(name, format!("`{name}` has a value; write `{name} = true` or `{name} = false`"));
            }
            Value::Lit(value @ Lit::Str(_)) => {
                cx.error(value, format!("`{name}` is `true` or `false`, without quotes"));
            }
            other => cx.error(other, format!("`{name}` is `true` or `false`")),
        }
        None
    }
}

impl Parse for Arg {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(syn::Ident::peek_any) {
            return Err(input.error("expected an argument, for instance `ttl = \"24h\"`"));
        }
        let name = input.call(Ident::parse_any)?;
        let value = if input.is_empty() { Value::Flag } else { parse_value(input, &name)? };
        if input.is_empty() {
            Ok(Self { name, value })
        } else {
            Err(input.error("expected `,` between arguments"))
        }
    }
}

fn parse_value(input: ParseStream<'_>, name: &Ident) -> Result<Value> {
    if !input.peek(Token![=]) {
        return Err(input.error(format!("expected `=` after `{name}`")));
    }
    let equals: Token![=] = input.parse()?;
    if input.is_empty() {
        return Err(syn::Error::new_spanned(equals, format!("expected the value of `{name}` after `=`")));
    }
    if input.peek(Lit) { Ok(Value::Lit(input.parse()?)) } else { Ok(Value::Other(input.parse()?)) }
}

/// The pieces between the commas; a trailing comma adds none.
fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut pieces = vec![TokenStream::new()];
    for token in tokens {
        match (&token, pieces.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => pieces.push(TokenStream::new()),
            (_, Some(piece)) => piece.extend([token]),
            (_, None) => {}
        }
    }
    if pieces.last().is_some_and(TokenStream::is_empty) {
        pieces.pop();
    }
    pieces
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Flag => {}
            Self::Lit(lit) => lit.to_tokens(tokens),
            Self::Other(other) => other.to_tokens(tokens),
        }
    }
}
