//! Work that is done once per key with no request in sight, on ordinary tokio runtimes.

mod crashes;
mod fixture;
mod known;
mod leases;
mod lost_replies;
mod results;
mod runtimes;
mod stores;
