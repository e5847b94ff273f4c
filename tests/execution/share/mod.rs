//! What one caller may hold of the memory store, and that others go on as ever.

mod evicted;
mod flood;
mod given_back;
mod ground;
mod told;
mod waits;
