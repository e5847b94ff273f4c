//! Views and actions of operators over HTTP.

mod ends;
mod fixture;
mod flood;
mod guarded;
mod mistakes;
mod reads;
