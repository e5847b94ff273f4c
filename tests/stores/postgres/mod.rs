//! The PostgreSQL store: it conforms, and what is special to it.

mod conforms;
mod connections;
mod costs;
mod crash;
mod failover;
mod full;
mod guest;
mod locks;
mod migrations;
mod pooler;
mod refused;
mod rights;
mod setup;
mod stuck;
mod sweeping;
mod waiting;

use idempotent_tests::requests::{HOUR, WON, claim, complete, hold, is_replay, record_of, request, retry};
