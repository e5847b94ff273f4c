//! The routes that actix's route macros beside the attribute declare, for the runtime's catalog.
//!
//! A route macro above ours has been consumed, and so is read from the source text, as far as there
//! is one. Routes that a handler is registered for elsewhere (`web::post().to(handler)`) are not
//! known here, nor the scopes around it.

use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Token};

use crate::methods::{self, last_segment, methods_of_route};
use crate::neighbours::Neighbours;

/// One method and pattern for which a handler is declared.
pub(crate) struct Route {
    method: String,
    pattern: String,
    /// The guards that the route macro names.
    guards: Vec<String>,
}

/// The routes in the handler's attributes, and in those that another macro has taken.
pub(crate) fn declared(attrs: &[Attribute], neighbours: &Neighbours) -> Vec<Route> {
    attrs.iter().chain(methods::taken(neighbours)).flat_map(routes_of).collect()
}

fn routes_of(attr: &Attribute) -> Vec<Route> {
    let args = attr.parse_args_with(Punctuated::<Expr, Token![,]>::parse_terminated).unwrap_or_default();
    let name = last_segment(&attr.meta);
    let methods = match name.as_str() {
        "route" => methods_of_route(attr),
        "routes" => Vec::new(),
        name if methods::is_route(name) => vec![name.to_uppercase()],
        _ => Vec::new(),
    };
    let Some(pattern) = args.first().and_then(text) else { return Vec::new() };
    let guards: Vec<_> = args.iter().filter_map(|arg| methods::argument(arg, "guard")).collect();
    let route = |method| Route { method, pattern: pattern.clone(), guards: guards.clone() };
    methods.into_iter().map(route).collect()
}

fn text(arg: &Expr) -> Option<String> {
    match arg {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

impl ToTokens for Route {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Route { method, pattern, guards } = self;
        tokens.append_all(quote!({ method: #method, pattern: #pattern, guards: &[#(#guards),*] }));
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn shown(above: &str, below: &str, attrs: &[Attribute]) -> Vec<String> {
        let routes = declared(attrs, &Neighbours::of_text(above, below));
        let shown = |route: &Route| format!("{} {} {:?}", route.method, route.pattern, route.guards);
        routes.iter().map(shown).collect()
    }

    #[test]
    fn routes_are_found_on_either_side() {
        assert_eq!(shown("#[post(\"/a\")]\n", "", &[]), ["POST /a []"]);
        assert_eq!(
            shown("", "", &[parse_quote!(#[actix_web::put("/b", guard = "is_v1", name = "b")])]),
            ["PUT /b [\"is_v1\"]"]
        );
        assert_eq!(
            shown(
                "#[routes]\n#[post(\"/a\")]\n",
                "\n#[patch(\"/c\", guard = \"x\", guard = \"y\")]\nfn f() {}",
                &[]
            ),
            ["POST /a []", "PATCH /c [\"x\", \"y\"]"]
        );
        assert_eq!(
            shown("#[route(\"/d\", method = \"POST\", method = \"GET\")]", "", &[]),
            ["POST /d []", "GET /d []"]
        );
    }

    #[test]
    fn other_attributes_declare_none() {
        assert!(shown("/// post\n#[doc(\"/a\")]\n", "", &[parse_quote!(#[instrument("/a")])]).is_empty());
        assert!(
            shown("#[post(PATTERN)]\n", "", &[parse_quote!(#[post()]), parse_quote!(#[post])]).is_empty()
        );
    }
}
