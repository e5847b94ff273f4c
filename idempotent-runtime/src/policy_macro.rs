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
//! //     {
//! //         const {
//! //             &Policy {
//! //                 fingerprint: Raw, principal: Application, key: Application, not_stored: &[],
//! //                 handler: "shop::create_order", ttl: …, …
//! //             }
//! //         }
//! //     }
//! //
//! // With feature `catalog` an entry of the catalog stands before it.
//! ```

/// The policy with these fields, of a handler that utoipa would describe in a type of this name,
/// and that route macros declare for these routes.
///
/// Fingerprint, principal and key stand apart from the other fields: they alone may name the
/// handler's type parameters, which an entry cannot.
#[doc(hidden)]
#[macro_export]
macro_rules! __policy {
    ($path:ident $fingerprint:ident $(($function:expr))? $principal:ident $(($caller:expr))?
        $key:ident $({$place:literal})? $(($find:expr))? [$($route:tt)*]; $($fields:tt)*) => {{
        $crate::__entry! {
            $path [$($route)*];
            fingerprint: $crate::__private::Fingerprint::$fingerprint
                $(($crate::__stand_in!(not_called for $function)))?,
            principal: $crate::__private::PrincipalSource::$principal
                $(($crate::__stand_in!(not_asked for $caller)))?,
            key: $crate::__private::KeySource::$key $(($place))?
                $(($crate::__stand_in!(not_searched for $find)))?,
            not_stored: &[],
            $($fields)*
        }
        const {
            &$crate::__private::Policy {
                fingerprint: $crate::__private::Fingerprint::$fingerprint $(($function))?,
                principal: $crate::__private::PrincipalSource::$principal
                    $((|request| $crate::__private::principal($caller, request)))?,
                key: $crate::__private::KeySource::$key $(($place))? $(($find))?,
                not_stored: &[],
                $($fields)*
            }
        }
    }};
}

/// Entry of the catalog with these fields of a policy: nothing, since nobody asks for it.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "catalog"))]
macro_rules! __entry {
    ($($entry:tt)*) => {};
}

/// Entry of the catalog with these fields of a policy.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "catalog")]
macro_rules! __entry {
    ($path:ident [$($route:tt)*]; $($fields:tt)*) => {
        $crate::__private::submit! {
            $crate::__private::Entry {
                policy: $crate::__private::Policy { $($fields)* },
                routes: &[$($crate::__private::Route $route),*],
                documentation: $crate::__documentation!($path),
            }
        }
    };
}

/// Stands for a function that an entry cannot name.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "catalog")]
macro_rules! __stand_in {
    ($stand_in:ident for $function:expr) => {
        $crate::__private::$stand_in
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
