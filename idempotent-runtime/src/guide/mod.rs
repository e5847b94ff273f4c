//! The guide: what to decide for an endpoint that must not run twice, and what happens then.
//! Nothing in here is code.
//!
// The first definition of a link holds: those of the file are for whoever reads it as one.
//! [scope_and_principal]: self::scope_and_principal
//! [fingerprints]: self::fingerprints
//! [stored_responses]: self::stored_responses
//! [crash_and_shutdown]: self::crash_and_shutdown
//! [stores]: self::stores
//! [exactly_once]: self::exactly_once
//! [clients]: self::clients
//! [api_documents]: self::api_documents
//! [testing]: self::testing
//! [operating]: self::operating
//! [recipes]: self::recipes
//! [migrating]: self::migrating
//!
#![doc = include_str!("guide.md")]

#[doc = include_str!("scope_and_principal.md")]
pub mod scope_and_principal {}

#[doc = include_str!("fingerprints.md")]
pub mod fingerprints {}

#[doc = include_str!("stored_responses.md")]
pub mod stored_responses {}

#[doc = include_str!("crash_and_shutdown.md")]
pub mod crash_and_shutdown {}

#[doc = include_str!("stores.md")]
pub mod stores {}

#[doc = include_str!("exactly_once.md")]
pub mod exactly_once {}

#[doc = include_str!("clients.md")]
pub mod clients {}

#[doc = include_str!("api_documents.md")]
pub mod api_documents {}

#[doc = include_str!("recipes.md")]
pub mod recipes {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}
