//! What a listener hears: of every request once, how it ended.

mod durations;
mod ground;
mod recorder;
mod samples;
mod script;
mod trouble;
