//! What a client sees, over real HTTP.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]

mod fuzz_corpus;
mod replay;
