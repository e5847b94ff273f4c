//! The checked policy as the expression that generated code hands to the runtime. The expression is
//! a macro call, so that the runtime decides whether the policy goes into its catalog, without the
//! macro knowing.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ExprPath;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::key::KeySource;
use crate::policy::{Abandoned, Fingerprint, Policy, Replay, Scope};
use crate::routes::Route;

/// The expression for the policy of the handler called `name`, which is declared for `routes`.
pub(crate) fn policy(policy: &Policy, name: &Ident, routes: &[Route]) -> TokenStream {
    let private = private();
    let name = name.unraw().to_string();
    // Where utoipa's `#[utoipa::path]` describes the handler, if it does.
    let described = format_ident!("__path_{name}", span = Span::mixed_site());
    let seconds = |duration: Duration| {
        let seconds = duration.as_secs();
        quote!(#private::Duration::from_secs(#seconds))
    };
    let (ttl, wait) = (option(policy.ttl, seconds), option(policy.wait, seconds));
    let short_ttl = policy.short_ttl.map(short_ttl_warning);
    let (transaction, headers) = (policy.transaction, &policy.headers);
    let required = option(policy.required, |required| quote!(#required));
    let (scope, replay) = (scope_tokens(&policy.scope), option(policy.replay, replay_tokens));
    let (fingerprint, principal) =
        (fingerprint_tokens(&policy.fingerprint), principal_tokens(policy.principal.as_ref()));
    let (key, abandoned) = (key_tokens(&policy.key), option(policy.abandoned, abandoned_tokens));
    quote_spanned! {Span::mixed_site()=>
        #private::policy! {
            #described #fingerprint #principal #key [#(#routes)*];
            handler: ::core::concat!(::core::module_path!(), "::", #name),
            ttl: { #short_ttl #ttl },
            scope: #private::Scope::#scope,
            required: #required,
            wait: #wait,
            replay: #replay,
            abandoned: #abandoned,
            transaction: #transaction,
            headers: &[#(#headers),*],
        }
    }
}

/// The use of something deprecated is the one warning that a macro can give.
fn short_ttl_warning(span: Span) -> TokenStream {
    let private = private();
    let short_ttl = Ident::new("ttl_under_24_hours", span);
    quote!(#private::#short_ttl();)
}

fn scope_tokens(scope: &Scope) -> TokenStream {
    match scope {
        Scope::Endpoint => quote!(Endpoint),
        Scope::Resource => quote!(Resource),
        Scope::Global => quote!(Global),
        Scope::Group(name) => quote!(Group(#name)),
    }
}

/// An argument that is written, or `None` for one that is left out.
fn option<T>(written: Option<T>, tokens: impl FnOnce(T) -> TokenStream) -> TokenStream {
    match written.map(tokens) {
        Some(tokens) => quote!(::core::option::Option::Some(#tokens)),
        None => quote!(::core::option::Option::None),
    }
}

fn replay_tokens(replay: Replay) -> TokenStream {
    let private = private();
    match replay {
        Replay::All => quote!(#private::Replay::All),
        Replay::Final => quote!(#private::Replay::Final),
        Replay::Success => quote!(#private::Replay::Success),
    }
}

fn fingerprint_tokens(fingerprint: &Fingerprint) -> TokenStream {
    match fingerprint {
        Fingerprint::Raw => quote!(Raw),
        Fingerprint::Canonical => quote!(Canonical),
        Fingerprint::Function(path) => function_tokens(path),
    }
}

fn principal_tokens(principal: Option<&ExprPath>) -> TokenStream {
    principal.map_or_else(|| quote!(Application), function_tokens)
}

fn key_tokens(key: &KeySource) -> TokenStream {
    match key {
        KeySource::Application => quote!(Application),
        KeySource::Header(name) => quote!(Header { #name }),
        KeySource::Json(pointer) => quote!(Json { #pointer }),
        KeySource::Form(name) => quote!(Form { #name }),
        KeySource::Query(name) => quote!(Query { #name }),
        KeySource::Function(path) => function_tokens(path),
    }
}

fn function_tokens(path: &ExprPath) -> TokenStream {
    quote_spanned!(Span::mixed_site().located_at(path.span())=> Function(#path))
}

fn abandoned_tokens(abandoned: Abandoned) -> TokenStream {
    let private = private();
    match abandoned {
        Abandoned::Refuse => quote!(#private::Abandoned::Refuse),
        Abandoned::Rerun => quote!(#private::Abandoned::Rerun),
    }
}

/// The one module whose paths generated code may name.
pub(crate) fn private() -> TokenStream {
    quote_spanned!(Span::mixed_site()=> ::idempotent_runtime::__private)
}
