//! A small order service.
fn main() {}
