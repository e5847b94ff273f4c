//! The handler's attributes, sorted: some belong to the function that is registered, the others to
//! the handler inside it.
//!
//! ```text
//! // Input:                               // Output:
//! // #[post("/orders")]                   // #[post("/orders")]
//! // #[tracing::instrument(skip(order))]  // async fn create(request, payload) -> HttpResponse {
//! // async fn create(order: Json<Order>)  //     #[tracing::instrument(skip(order))]
//! //                                      //     async fn create(order: Json<Order>) …
//! ```

use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token, parse_quote};

use crate::methods::{self, last_segment};

/// Attributes that make sense without the handler's arguments. A lint level reaches the handler
/// too, since the handler is nested; an `expect` on both of them could not be fulfilled twice.
/// `path` is utoipa's.
const OUTER: [&str; 10] =
    ["doc", "cfg", "must_use", "deprecated", "allow", "expect", "warn", "deny", "forbid", "path"];

/// The attributes in two heaps, each in the order in which they were written.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) outer: Vec<Attribute>,
    pub(crate) inner: Vec<Attribute>,
}

impl Attributes {
    /// Sorts the attributes. One that is not known may name the handler's arguments, so it goes to
    /// the handler.
    pub(crate) fn sort(attrs: Vec<Attribute>) -> Self {
        let mut sorted = Self::default();
        for attr in attrs {
            if attr.path().is_ident("cfg_attr") {
                sorted.split_cfg_attr(attr);
            } else if is_outer(&attr.meta) {
                sorted.outer.push(attr);
            } else {
                sorted.inner.push(attr);
            }
        }
        sorted
    }

    /// `#[cfg_attr(condition, a, b)]` is `a` and `b` under the condition, and they may part ways.
    fn split_cfg_attr(&mut self, attr: Attribute) {
        let Ok(metas) = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
            return self.outer.push(attr);
        };
        let mut metas = metas.into_iter();
        let condition = metas.next();
        let (outer, inner): (Vec<_>, Vec<_>) = metas.partition(is_outer);
        for (heap, metas) in [(&mut self.outer, outer), (&mut self.inner, inner)] {
            if !metas.is_empty() {
                let args = quote!(#condition, #(#metas),*);
                heap.push(parse_quote!(#[cfg_attr(#args)]));
            }
        }
    }
}

fn is_outer(meta: &Meta) -> bool {
    let name = last_segment(meta);
    OUTER.contains(&name.as_str()) || methods::is_route(&name)
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn sorted(attrs: Vec<Attribute>) -> (Vec<String>, Vec<String>) {
        let print = |attrs: Vec<Attribute>| attrs.iter().map(|a| a.to_token_stream().to_string()).collect();
        let Attributes { outer, inner } = Attributes::sort(attrs);
        (print(outer), print(inner))
    }

    #[test]
    fn what_names_the_arguments_stays_with_them() {
        let (outer, inner) = sorted(vec![
            parse_quote!(#[doc = "An order."]),
            parse_quote!(#[tracing::instrument(skip(order))]),
            parse_quote!(#[actix_web::post("/orders")]),
            parse_quote!(#[expect(unused_variables)]),
        ]);
        assert_eq!(
            outer,
            [
                "# [doc = \"An order.\"]",
                "# [actix_web :: post (\"/orders\")]",
                "# [expect (unused_variables)]"
            ]
        );
        assert_eq!(inner, ["# [tracing :: instrument (skip (order))]"]);
    }

    #[test]
    fn a_cfg_attr_is_split_by_what_it_holds() {
        let (outer, inner) = sorted(vec![parse_quote!(#[cfg_attr(test, post("/"), instrument)])]);
        assert_eq!(outer, ["# [cfg_attr (test , post (\"/\"))]"]);
        assert_eq!(inner, ["# [cfg_attr (test , instrument)]"]);
    }
}
