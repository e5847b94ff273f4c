//! Executions that died and are found without their clients.

mod asked;
mod ends;
mod fixture;
mod operations;
mod pace;
