//! Share of the memory store that one caller may hold, so that others go on as ever.

mod evicted;
mod fixture;
mod flood;
mod given_back;
mod told;
mod waits;
