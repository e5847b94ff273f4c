//! TBD
#![allow(missing_docs, reason = "a test says in its name what it asserts")]
