//! The conformance suite on stores that conform and on stores that do not, and the bytes that stores keep.
#![allow(missing_docs, reason = "a test says in its name what it asserts")]

mod memory;
