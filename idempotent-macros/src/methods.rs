//! A handler of nothing but safe methods needs no key: to repeat a GET is harmless by definition
//! (RFC 9110, 9.2.1).

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token};

use crate::errors::Ctxt;
use crate::neighbours::Neighbours;

/// QUERY is safe too, though it has a body.
const SAFE: [&str; 5] = ["get", "head", "options", "trace", "query"];
const UNSAFE: [&str; 5] = ["post", "put", "patch", "delete", "connect"];

/// True where an attribute of this name is one of actix's route macros.
pub(crate) fn is_route(name: &str) -> bool {
    SAFE.contains(&name) || UNSAFE.contains(&name) || matches!(name, "route" | "routes")
}

/// Name of an attribute, without the path before it, however far that is written out.
pub(crate) fn last_segment(meta: &Meta) -> String {
    meta.path().segments.last().map_or_else(String::new, |segment| segment.ident.to_string())
}

/// Rejects a handler that is routed for safe methods only. The mistake is shown at the first route
/// attribute below. Where all of them stand above and are gone, it is shown at `#[idempotent]`
/// itself.
pub(crate) fn check(cx: &Ctxt, attrs: &[Attribute], neighbours: &Neighbours) {
    let gone: Vec<_> = taken(neighbours).filter_map(safe_only).collect();
    let here: Vec<_> = attrs.iter().filter_map(|attr| Some((attr, safe_only(attr)?))).collect();
    let mut all = gone.iter().map(|(_, safe)| safe).chain(here.iter().map(|(_, (_, safe))| safe));
    if all.all(|safe| *safe) {
        match (here.first(), gone.first()) {
            (Some((attr, (name, _))), _) => cx.error(attr.path(), message(name)),
            (None, Some((name, _))) => cx.error(proc_macro2::TokenStream::new(), message(name)),
            (None, None) => {}
        }
    }
}

/// The attributes that another macro has consumed. `#[routes]` takes the route attributes with it,
/// even those below.
pub(crate) fn taken(neighbours: &Neighbours) -> impl Iterator<Item = &Attribute> {
    let takes_all = neighbours.above.iter().any(|attr| last_segment(&attr.meta) == "routes");
    neighbours.above.iter().chain(neighbours.below.iter().filter(move |_| takes_all))
}

fn message(name: &str) -> String {
    let methods = if name == "route" { "nothing but safe methods" } else { "a safe method" };
    format!(
        "`#[{name}]` serves {methods} (RFC 9110, section 9.2.1), which can be repeated without a key; \
         `#[idempotent]` is for POST, PUT, PATCH, DELETE and CONNECT"
    )
}

/// The name of a route attribute, and whether each of its methods is safe; `None` for any other
/// attribute.
fn safe_only(attr: &Attribute) -> Option<(String, bool)> {
    let name = last_segment(&attr.meta);
    let safe = match name.as_str() {
        "route" => {
            let methods = methods_of_route(attr);
            !methods.is_empty() && methods.iter().all(|method| SAFE.contains(&method.to_lowercase().as_str()))
        }
        name if SAFE.contains(&name) => true,
        name if UNSAFE.contains(&name) => false,
        _ => return None,
    };
    Some((name, safe))
}

/// Each `X` of `#[route("/path", method = "X")]`.
pub(crate) fn methods_of_route(attr: &Attribute) -> Vec<String> {
    let args = attr.parse_args_with(Punctuated::<Expr, Token![,]>::parse_terminated).unwrap_or_default();
    args.iter().filter_map(|arg| argument(arg, "method")).collect()
}

/// The text of an argument `called = "…"` of a route macro.
pub(crate) fn argument(arg: &Expr, called: &str) -> Option<String> {
    let Expr::Assign(assign) = arg else { return None };
    match (&*assign.left, &*assign.right) {
        (Expr::Path(name), Expr::Lit(ExprLit { lit: Lit::Str(value), .. })) if name.path.is_ident(called) => {
            Some(value.value())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn rejected(above: &str, below: &[Attribute]) -> bool {
        let cx = Ctxt::default();
        check(&cx, below, &Neighbours::of_text(above, ""));
        cx.check().is_err()
    }

    #[test]
    fn a_safe_method_is_rejected_on_either_side() {
        assert!(rejected("#[get(\"/\")]\n", &[]));
        assert!(rejected("", &[parse_quote!(#[actix_web::head("/")])]));
        assert!(rejected("#[route(\"/\", method = \"GET\", method = \"HEAD\")]", &[]));
    }

    #[test]
    fn one_unsafe_method_is_enough() {
        assert!(!rejected("#[post(\"/\")]\n", &[]));
        assert!(!rejected("#[route(\"/\", method = \"GET\", method = \"PUT\")]", &[]));
        assert!(!rejected("#[routes]\n#[get(\"/\")]\n", &[parse_quote!(#[delete("/")])]));
        assert!(!rejected("", &[]));
    }

    #[test]
    fn routes_takes_what_stands_below_too() {
        let cx = Ctxt::default();
        check(
            &cx,
            &[],
            &Neighbours::of_text("#[routes]\n#[get(\"/\")]\n", "\n#[post(\"/\")]\nasync fn f() {}"),
        );
        assert!(cx.check().is_ok());
    }
}
