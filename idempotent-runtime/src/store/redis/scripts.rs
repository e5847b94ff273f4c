//! One Lua script a verb. Redis runs a script as one step, so every verb is atomic.

use redis::{Cmd, RedisResult, Script, Value};

use super::link::Link;

/// The scripts of all verbs.
#[derive(Debug)]
pub(super) struct Scripts {
    claim: Text,
    renew: Text,
    complete: Text,
    release: Text,
    resolve: Text,
    inspect: Text,
    forget: Text,
    drop: Text,
}

/// Which of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Claim,
    Renew,
    Complete,
    Release,
    Resolve,
    Inspect,
    Forget,
    Drop,
}

/// A script's text, and the hash by which a server that knows it is asked to run it.
#[derive(Debug)]
struct Text {
    text: String,
    hash: String,
}

/// One call of a script.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) verb: Verb,
    pub(super) key: Vec<u8>,
    pub(super) arguments: Vec<Vec<u8>>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Scripts {
            claim: Text::new(include_str!("scripts/claim.lua")),
            renew: Text::new(include_str!("scripts/renew.lua")),
            complete: Text::new(include_str!("scripts/complete.lua")),
            release: Text::new(include_str!("scripts/release.lua")),
            resolve: Text::new(include_str!("scripts/resolve.lua")),
            inspect: Text::new(include_str!("scripts/inspect.lua")),
            forget: Text::new(include_str!("scripts/forget.lua")),
            drop: Text::new(include_str!("scripts/drop.lua")),
        }
    }

    /// Runs a script in one round trip; in two where the server does not know it yet.
    pub(super) async fn run(&self, link: &Link, call: &Call) -> RedisResult<Value> {
        match link.send(&self.by_hash(call)).await {
            Err(error) if error.code() == Some("NOSCRIPT") => link.send(&self.by_text(call)).await,
            reply => reply,
        }
    }

    /// Runs a script that the server knows.
    pub(super) fn by_hash(&self, call: &Call) -> Cmd {
        call.command("EVALSHA", &self.text(call.verb).hash)
    }

    /// Runs a script, and lets the server know it from then on.
    pub(super) fn by_text(&self, call: &Call) -> Cmd {
        call.command("EVAL", &self.text(call.verb).text)
    }

    fn text(&self, verb: Verb) -> &Text {
        match verb {
            Verb::Claim => &self.claim,
            Verb::Renew => &self.renew,
            Verb::Complete => &self.complete,
            Verb::Release => &self.release,
            Verb::Resolve => &self.resolve,
            Verb::Inspect => &self.inspect,
            Verb::Forget => &self.forget,
            Verb::Drop => &self.drop,
        }
    }
}

impl Text {
    fn new(text: &str) -> Self {
        let text = [include_str!("scripts/entry.lua"), text].concat();
        Text { hash: Script::new(&text).get_hash().to_owned(), text }
    }
}

impl Call {
    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = Cmd::new();
        command.arg(name).arg(script).arg(1).arg(&self.key).arg(&self.arguments);
        command
    }
}
