//! The client's view, over real HTTP.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here is a test")]

mod attribute;
mod bad_input;
mod bodies;
mod callers;
mod console;
mod cors;
mod crossing;
mod defaults;
mod documents;
mod expiry;
mod fixture;
mod fuzz_corpus;
mod headers;
mod identity;
mod key_sources;
mod licences;
mod log;
mod multipart;
mod no_content;
mod paths;
mod principals;
mod readme;
mod refusal_words;
mod refusals;
mod replay;
mod scopes;
mod sessions;
mod settings;
mod shared_routes;
mod slow_bodies;
mod testing;
mod tidy;
mod timed_keys;
mod unread;
