//! Identity of requests: by scope, by who is calling, and by what they ask for.

mod fingerprints;
mod fixture;
mod scopes;
