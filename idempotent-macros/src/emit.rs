//! The checked policy as the expression that generated code hands to the runtime. The expression is
//! a macro call, so that the runtime decides whether the policy goes into its catalog, without the
//! macro knowing.

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
    let ttl = policy.ttl.as_secs();
    let wait = u64::try_from(policy.wait.as_millis()).unwrap_or(u64::MAX);
    let short_ttl = policy.short_ttl.map(short_ttl_warning);
    let (required, transaction, headers) = (policy.required, policy.transaction, &policy.headers);
    let (scope, replay) = (scope_tokens(&policy.scope), replay_tokens(policy.replay));
    let (fingerprint, principal) =
        (fingerprint_tokens(&policy.fingerprint), principal_tokens(policy.principal.as_ref()));
    let (key, abandoned) = (key_tokens(&policy.key), abandoned_tokens(policy.abandoned));
    quote_spanned! {Span::mixed_site()=>
        #private::policy! {
            #described #fingerprint #principal #key [#(#routes)*];
            handler: ::core::concat!(::core::module_path!(), "::", #name),
            ttl: { #short_ttl #private::Duration::from_secs(#ttl) },
            scope: #private::Scope::#scope,
            required: #required,
            wait: #private::Duration::from_millis(#wait),
            replay: #private::Replay::#replay,
            abandoned: #private::Abandoned::#abandoned,
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

fn replay_tokens(replay: Replay) -> TokenStream {
    match replay {
        Replay::All => quote!(All),
        Replay::Final => quote!(Final),
        Replay::Success => quote!(Success),
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
    match abandoned {
        Abandoned::Refuse => quote!(Refuse),
        Abandoned::Rerun => quote!(Rerun),
    }
}

/// The one module whose paths generated code may name.
pub(crate) fn private() -> TokenStream {
    quote_spanned!(Span::mixed_site()=> ::idempotent_runtime::__private)
}
