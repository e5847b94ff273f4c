//! Share of the memory store that one caller may hold, so that others go on as ever.

mod evicted;
mod flood;
mod given_back;
mod ground;
mod told;
mod waits;
