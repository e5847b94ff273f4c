//! Events of a listener: it hears of every request once, and how that ended.

mod durations;
mod fixture;
mod operations;
mod recorder;
mod samples;
mod script;
mod trouble;
