//! Views and actions of operators over HTTP.

mod ends;
mod flood;
mod ground;
mod guarded;
mod mistakes;
mod reads;
