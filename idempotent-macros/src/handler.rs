//! The function below the attribute. Its signature is parsed, and its body stays as it is.
//!
//! A body that is being typed is not yet Rust. Kept as tokens, the body reaches the compiler and
//! the editor unchanged, and they complete it and complain about it as if no attribute were there.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, FnArg, Ident, Result, ReturnType, Safety, Signature, Token, Visibility};

use crate::errors::Ctxt;
use crate::policy::Policy;

/// Words that start another item than a function, and how a message calls it.
const OTHER_ITEMS: [(&str, &str); 11] = [
    ("struct", "a struct"),
    ("enum", "an enum"),
    ("union", "a union"),
    ("impl", "an impl block"),
    ("trait", "a trait"),
    ("mod", "a module"),
    ("type", "a type alias"),
    ("use", "an import"),
    ("static", "a static"),
    ("const", "a constant"),
    ("macro_rules", "a macro"),
];

/// A function with its body as a lump.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
}

impl Handler {
    /// Rejects what actix could not call as a handler, and an argument that only a transaction can
    /// give.
    pub(crate) fn check(&self, cx: &Ctxt, policy: &Policy) {
        let sig = &self.sig;
        if sig.asyncness.is_none() {
            cx.error(sig.fn_token, "a handler is asynchronous; write `async fn`");
        }
        if matches!(sig.output, ReturnType::Default) {
            cx.error(&sig.ident, "a handler returns a response; write for instance `-> impl Responder`");
        }
        if let Some(receiver) = sig.receiver() {
            cx.error(receiver, "a handler takes extractors and no `self`; write a free function");
        }
        if let Some(constness) = sig.constness {
            cx.error(constness, "a handler runs when a request comes; remove `const`");
        }
        if let Safety::Unsafe(unsafety) = sig.safety {
            cx.error(unsafety, "actix calls handlers from safe code; remove `unsafe`");
        }
        if let Some(abi) = &sig.abi {
            cx.error(abi, "actix calls handlers from Rust; remove `extern`");
        }
        if !policy.transaction
            && let Some(tx) = self.transaction_argument()
        {
            cx.error(tx, "`IdempotentTx` is the transaction of `#[idempotent(…, transaction)]`; add `transaction` to the arguments");
        }
    }

    /// The name `IdempotentTx` in the type of an argument, where there is one.
    fn transaction_argument(&self) -> Option<Ident> {
        let types = self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed.ty.to_token_stream()),
            FnArg::Receiver(_) => None,
        });
        types.flat_map(named).find(|ident| ident == "IdempotentTx")
    }

    /// The handler as the compiler can take it without the attribute and without further
    /// complaints: what `check` has rejected is left out here.
    pub(crate) fn pardoned(mut self) -> Self {
        self.sig.constness = None;
        self.sig.safety = Safety::Default;
        self.sig.abi = None;
        self.sig.asyncness.get_or_insert(Token![async](self.sig.fn_token.span));
        self
    }
}

impl Parse for Handler {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        reject_other_items(input)?;
        let sig = input.parse()?;
        if input.peek(Token![;]) {
            return Err(
                input.error("a handler has a body; write the attribute where the function is implemented")
            );
        }
        Ok(Self { attrs, vis, sig, body: input.parse()? })
    }
}

/// All names in `tokens`, however deep.
fn named(tokens: TokenStream) -> Vec<Ident> {
    let names = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Ident(ident) => vec![ident],
        TokenTree::Group(group) => named(group.stream()),
        _ => Vec::new(),
    });
    names.collect()
}

fn reject_other_items(input: ParseStream<'_>) -> Result<()> {
    let ahead = input.fork();
    if ahead.parse::<Signature>().is_ok() {
        return Ok(());
    }
    let ahead = input.fork();
    while ahead.peek(Ident::peek_any) {
        let word = ahead.call(Ident::parse_any)?;
        if word == "fn" {
            break;
        }
        if let Some((_, item)) = OTHER_ITEMS.iter().find(|(start, _)| word == start) {
            return Err(Error::new_spanned(
                word,
                format!("`#[idempotent]` belongs on an `async fn`, not on {item}"),
            ));
        }
    }
    Ok(())
}

impl ToTokens for Handler {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attrs);
        self.vis.to_tokens(tokens);
        self.sig.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
