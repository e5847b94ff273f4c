//! The policy as generated code writes it, which is where a handler enters the catalog.
//!
//! ```text
//! // Input:
//! //     policy! {
//! //         __path_create_order Raw Application Application [{ method: "POST", … }];
//! //         handler: "shop::create_order", ttl: …, …
//! //     }
//! //
//! // Output:
//! //     const {
//! //         &Policy {
//! //             fingerprint: Raw, principal: Application, key: Application,
//! //             handler: "shop::create_order", ttl: …, …
//! //         }
//! //     }
//! //
//! // With feature `catalog` a block with that at its end, and an entry of the catalog before it.
//! ```

/// The policy with these fields, of a handler that utoipa would describe in a type of this name,
/// and that route macros declare for these routes.
///
/// Fingerprint, principal and key stand apart from the other fields: they alone may name the
/// handler's type parameters, which an entry cannot.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "catalog"))]
macro_rules! __policy {
    ($path:ident $fingerprint:ident $(($function:expr))? $principal:ident $(($caller:expr))?
        $key:ident $({$place:literal})? $(($find:expr))? [$($route:tt)*]; $($fields:tt)*) => {
        const {
            &$crate::__private::Policy {
                fingerprint: $crate::__private::Fingerprint::$fingerprint $(($function))?,
                principal: $crate::__private::PrincipalSource::$principal
                    $((|request| $crate::__private::principal($caller, request)))?,
                key: $crate::__private::KeySource::$key $(($place))? $(($find))?,
                $($fields)*
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
#[cfg(feature = "catalog")]
macro_rules! __policy {
    ($path:ident $fingerprint:ident $(($function:expr))? $principal:ident $(($caller:expr))?
        $key:ident $({$place:literal})? $(($find:expr))? [$($route:tt)*]; $($fields:tt)*) => {{
        $crate::__private::submit! {
            $crate::__private::Entry {
                policy: $crate::__private::Policy {
                    fingerprint: $crate::__private::Fingerprint::$fingerprint $(($crate::__not_called!($function)))?,
                    principal: $crate::__private::PrincipalSource::$principal $(($crate::__not_asked!($caller)))?,
                    key: $crate::__private::KeySource::$key $(($place))? $(($crate::__not_searched!($find)))?,
                    $($fields)*
                },
                routes: &[$($crate::__private::Route $route),*],
                documentation: $crate::__documentation!($path),
            }
        }
        const {
            &$crate::__private::Policy {
                fingerprint: $crate::__private::Fingerprint::$fingerprint $(($function))?,
                principal: $crate::__private::PrincipalSource::$principal
                    $((|request| $crate::__private::principal($caller, request)))?,
                key: $crate::__private::KeySource::$key $(($place))? $(($find))?,
                $($fields)*
            }
        }
    }};
}

/// Stands for a function that an entry cannot name.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "catalog")]
macro_rules! __not_called {
    ($function:expr) => {
        $crate::__private::not_called
    };
}

/// Stands for a function that tells who calls, and that an entry cannot name.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "catalog")]
macro_rules! __not_asked {
    ($function:expr) => {
        $crate::__private::not_asked
    };
}

/// Stands for a function that finds the key, and that an entry cannot name.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "catalog")]
macro_rules! __not_searched {
    ($function:expr) => {
        $crate::__private::not_searched
    };
}

/// Description of a handler by utoipa: nothing, since nobody asks for it.
#[doc(hidden)]
#[macro_export]
#[cfg(all(feature = "catalog", not(feature = "openapi")))]
macro_rules! __documentation {
    ($path:ident) => {
        ()
    };
}

/// Description of the handler by utoipa, if there is one: a type `$path` beside the handler.
///
/// The attribute cannot see if there is such a type: `#[utoipa::path]` above it has been consumed.
/// But names can be looked up: what the block imports is found before what stands around it, so
/// `$path` is utoipa's type where the handler's module has one, and else the one that stands here
/// for nothing.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "openapi")]
macro_rules! __documentation {
    ($path:ident) => {{
        #[allow(non_camel_case_types, dead_code, unused_imports)]
        mod __idempotent {
            struct $path;

            pub(super) fn documentation() -> ::core::option::Option<$crate::__private::Described> {
                use super::*;
                use $crate::__private::Undocumented as _;

                $crate::__private::Probe::<$path>::new().documentation()
            }
        }
        __idempotent::documentation
    }};
}
