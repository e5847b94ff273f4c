//! The expansion: one call.
//!
//! ```text
//! // Input:
//! //   #[idempotent(ttl = "24h", scope = "endpoint")]
//! //   async fn create_order(order: web::Json<NewOrder>) -> impl Responder { … }
//! //
//! // Output:
//! //   async fn create_order(request: HttpRequest, payload: Payload) -> HttpResponse {
//! //     async fn create_order(order: web::Json<NewOrder>) -> impl Responder { … }
//! //     ::idempotent_runtime::__private::run(policy! { … }, request, payload, create_order).await
//! //   }
//! ```
//!
//! The policy has no name: a `static` beside the handler could be named from the handler's body and
//! would hide a thing of the user's. On a mistake the handler is emitted as it would be without the
//! attribute, beside the errors.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{GenericParam, Result, Signature, parse_quote};

use crate::args::Args;
use crate::attributes::Attributes;
use crate::emit;
use crate::errors::Ctxt;
use crate::handler::Handler;
use crate::methods::{self, last_segment};
use crate::neighbours::Neighbours;
use crate::policy::Policy;
use crate::routes::{self, Route};

/// Expansion of the attribute with `args` on `item`.
pub(crate) fn expand(args: TokenStream, item: TokenStream, neighbours: &Neighbours) -> TokenStream {
    let cx = Ctxt::default();
    let args = Args::parse(&cx, args);
    let policy = Policy::check(&cx, &args);
    let handler = match syn::parse2::<Handler>(item.clone()) {
        Ok(handler) => handler,
        Err(error) => {
            cx.push(error);
            return beside_errors(cx.check(), item);
        }
    };
    handler.check(&cx, &policy);
    methods::check(&cx, &handler.attrs, neighbours);
    let routes = routes::declared(&handler.attrs, neighbours);
    let handler = check_once(&cx, handler);
    match cx.check() {
        Ok(()) => wrap(handler, &policy, &routes),
        errors => beside_errors(errors, handler.pardoned()),
    }
}

fn beside_errors(errors: Result<()>, item: impl quote::ToTokens) -> TokenStream {
    let errors = errors.err().map(syn::Error::into_compile_error);
    quote!(#errors #item)
}

/// Takes a second `#[idempotent]` away, so that it does not report everything again.
fn check_once(cx: &Ctxt, mut handler: Handler) -> Handler {
    handler.attrs.retain(|attr| {
        let again = last_segment(&attr.meta) == "idempotent";
        if again {
            cx.error(attr.path(), "`#[idempotent]` is given twice; one attribute takes all arguments");
        }
        !again
    });
    handler
}

fn wrap(handler: Handler, policy: &Policy, routes: &[Route]) -> TokenStream {
    let Handler { attrs, vis, sig, body } = handler;
    let Attributes { outer, inner } = Attributes::sort(attrs);
    // A handler may be called `request`, and items are found before arguments: hygiene does not
    // tell them apart.
    let request = Ident::new("__request", Span::mixed_site());
    let payload = Ident::new("__payload", Span::mixed_site());
    let registered = registered_signature(&sig, &request, &payload);
    let policy = emit::policy(policy, &sig.ident, routes);
    // What rustc has to say about the call is about the handler, so it is said there. It is said
    // once: the callee has the span of the call.
    let span = Span::mixed_site().located_at(sig.ident.span());
    let callee = callee(&sig, span);
    let call = quote_spanned! {span=>
        ::idempotent_runtime::__private::run(#policy, #request, #payload, #callee).await
    };
    // The block stands where the body stood: lints pass over items that a macro seems to have made
    // up.
    let mut block = Group::new(Delimiter::Brace, quote!(#(#inner)* #sig #body #call));
    block.set_span(body.span());
    quote!(#(#outer)* #vis #registered #block)
}

/// The signature that actix sees: the raw request in, the finished response out.
fn registered_signature(sig: &Signature, request: &Ident, payload: &Ident) -> Signature {
    let private = emit::private();
    Signature {
        inputs: parse_quote!(#request: #private::HttpRequest, #payload: #private::Payload),
        output: parse_quote!(-> #private::HttpResponse),
        ..sig.clone()
    }
}

/// The handler with its type and const parameters. Lifetimes are left to inference: most may not be
/// written out.
fn callee(sig: &Signature, span: Span) -> TokenStream {
    let mut name = sig.ident.clone();
    name.set_span(span);
    let params = sig.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        GenericParam::Lifetime(_) => None,
    });
    let params: Vec<_> = params.collect();
    if params.is_empty() { quote!(#name) } else { quote!(#name::<#(#params),*>) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(args: TokenStream, item: TokenStream) -> String {
        packed(&expand(args, item, &Neighbours::default()).to_string())
    }

    /// Without white space, whose rules are the printer's own.
    fn packed(text: &str) -> String {
        text.split_whitespace().collect()
    }

    #[test]
    fn a_handler_becomes_one_call() {
        let item = quote! {
            #[post("/orders")]
            #[tracing::instrument(skip(order))]
            pub(crate) async fn create_order(order: web::Json<NewOrder>) -> impl Responder {
                HttpResponse::Created().json(order)
            }
        };
        assert_eq!(expanded(TokenStream::new(), item), packed(include_str!("snapshots/defaults.rs")));
    }

    #[test]
    fn every_argument_lands_in_the_policy() {
        let args = quote! {
            ttl = "1h 30m", scope = "group:payments", required = false, wait = "0s", replay = "success",
            fingerprint = "crate::by_number", principal = "crate::caller", abandoned = "rerun",
            key = "json:/data/id", headers = "X-Api-Version, Accept"
        };
        let item = quote! {
            async fn create<'a, R: Repo, const N: usize>(repo: Data<R>) -> HttpResponse where R: 'a { todo }
        };
        assert_eq!(expanded(args, item), packed(include_str!("snapshots/everything.rs")));
    }

    #[test]
    fn a_mistake_leaves_a_handler_without_the_attribute() {
        let item = quote!(#[post("/")] fn create() -> HttpResponse { half typed. });
        assert_eq!(expanded(quote!(ttl = 24), item), packed(include_str!("snapshots/mistakes.rs")));
    }

    #[test]
    fn a_body_that_is_being_typed_stays_as_it_is() {
        let item = quote!(async fn create(order: Json<Order>) -> HttpResponse { let x = order. });
        assert!(expanded(TokenStream::new(), item).contains("{letx=order.}"));
    }
}
