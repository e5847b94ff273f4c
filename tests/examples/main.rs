//! The example programs do what they say, as processes of their own.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]

mod orders;
mod program;
