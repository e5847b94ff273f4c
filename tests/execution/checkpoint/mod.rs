//! Steps of a handler that run once per key, whoever dies, fails or comes again.

mod failures;
mod fences;
mod fixture;
mod forgotten;
mod limits;
mod own_answers;
mod recovery;
mod stores;
