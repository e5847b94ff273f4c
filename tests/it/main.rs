//! What a client sees, over real HTTP.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]

mod attribute;
mod bad_input;
mod bodies;
mod expiry;
mod fuzz_corpus;
mod identity;
mod kit;
mod refusals;
mod replay;
mod settings;
mod tidy;
