//! Facts about idempotent endpoints, over real HTTP.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]

mod fuzz_corpus;
