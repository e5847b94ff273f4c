//! What operators see and do over HTTP.

mod ends;
mod flood;
mod ground;
mod guarded;
mod mistakes;
mod reads;
