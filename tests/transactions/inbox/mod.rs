//! Steps of `once` whose rows commit together with their value: an inbox.

mod ends;
mod faults;
mod fixture;
mod lost_claim;
mod results;
