//! Applications that are asked what became of executions that died.

mod answers;
mod asked;
mod fixture;
mod trouble;
