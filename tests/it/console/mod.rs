//! The operators' console, in a browser.

mod browser;
mod keys;
mod operators;
mod page;
mod pictures;
mod reach;
mod routes;
mod safety;
mod shop;
mod tokens;
