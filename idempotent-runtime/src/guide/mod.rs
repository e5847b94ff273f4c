//! The guide: decisions to make for an endpoint that must not run twice, and what happens then.
//! Nothing in here is code.
//!
// The first definition of a link holds. Those of `definitions.md`, `diagrams/*.md` and
// `console/*.md` are for rustdoc, and those of a page for whoever reads it as a file.
#![doc = include_str!("definitions.md")]
#![doc = include_str!("guide.md")]

#[doc = include_str!("definitions.md")]
#[doc = include_str!("diagrams/first.md")]
#[doc = include_str!("diagrams/replay.md")]
#[doc = include_str!("diagrams/in_flight.md")]
#[doc = include_str!("diagrams/crash.md")]
#[doc = include_str!("diagrams/store_down.md")]
#[doc = include_str!("diagrams/transaction.md")]
#[doc = include_str!("diagrams/other_body.md")]
#[doc = include_str!("cases.md")]
pub mod cases {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("scope_and_principal.md")]
pub mod scope_and_principal {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("fingerprints.md")]
pub mod fingerprints {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("scopes.md")]
pub mod scopes {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("stored_responses.md")]
pub mod stored_responses {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("crash_and_shutdown.md")]
pub mod crash_and_shutdown {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("stores.md")]
pub mod stores {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("exactly_once.md")]
pub mod exactly_once {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("once.md")]
pub mod once {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("webhooks.md")]
pub mod webhooks {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("queues.md")]
pub mod queues {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("timers.md")]
pub mod timers {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("clients.md")]
pub mod clients {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("api_documents.md")]
pub mod api_documents {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("recipes.md")]
pub mod recipes {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("browsers_and_bodies.md")]
pub mod browsers_and_bodies {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("databases.md")]
pub mod databases {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("postgres.md")]
pub mod postgres {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("sqlite.md")]
pub mod sqlite {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("redis.md")]
pub mod redis {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("deploying.md")]
pub mod deploying {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("console/wide-light.md")]
#[doc = include_str!("console/wide-dark.md")]
#[doc = include_str!("console/narrow-light.md")]
#[doc = include_str!("console/narrow-dark.md")]
#[doc = include_str!("console.md")]
pub mod console {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("definitions.md")]
#[doc = include_str!("migrating.md")]
pub mod migrating {}
