//! One Lua script per verb. One verb needs none: it is a command of Redis's own. Redis runs a
//! script as one step, so every verb is atomic.

use redis::{Cmd, Script, Value};

use super::{
    call::{Call, Verb},
    client::RedisClient,
    failure::Failure,
};
use crate::store::OnAbandoned;

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

/// Abilities of a server's scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// The abilities that the server says it has.
    OfServer,
    /// The abilities of servers before Redis 7. There one command cannot set a key if there is none
    /// and else read it.
    Before7,
}

/// A script's text, and the hash by which a server that knows it is asked to run it.
#[derive(Debug)]
struct Text {
    text: String,
    hash: String,
}

impl Scripts {
    pub(super) fn new(generation: Generation) -> Self {
        let text = |text| Text::new(generation, "", text);
        let new = include_str!("scripts/claim_new.lua");
        let first = include_str!("scripts/complete_first.lua");
        Scripts {
            claim: Text::new(generation, new, include_str!("scripts/claim.lua")),
            renew: text(include_str!("scripts/renew.lua")),
            complete: Text::new(generation, first, include_str!("scripts/complete.lua")),
            release: text(include_str!("scripts/release.lua")),
            resolve: text(include_str!("scripts/resolve.lua")),
            inspect: text(include_str!("scripts/inspect.lua")),
            forget: text(include_str!("scripts/forget.lua")),
            drop: text(include_str!("scripts/drop.lua")),
        }
    }

    /// Makes one call in one round trip; in two where the server does not know its script yet.
    pub(super) async fn run(&self, client: &RedisClient, call: &Call) -> Result<Value, Failure> {
        if call.verb == Verb::Get {
            return client.read(&call.key, &got(&[call])).await;
        }
        let reply = match client.send(&self.by_hash(&[call])).await {
            Err(unknown) if unknown.error().code() == Some("NOSCRIPT") => {
                client.send(&self.by_text(&[call])).await.map_err(|failure| failure.after(&unknown))
            }
            reply => reply,
        };
        // Of a verb whose calls go together the answers are in an array, unless one stands for all.
        reply.map(|reply| match reply {
            Value::Array(mut answers) if call.verb.goes_together() => answers.pop().unwrap_or(Value::Nil),
            reply => reply,
        })
    }

    /// Command for calls that go together, by a script that the server knows.
    pub(super) fn by_hash(&self, calls: &[&Call]) -> Cmd {
        self.command("EVALSHA", |text| &text.hash, calls)
    }

    /// The same command with the script's text. From then on the server knows the script.
    pub(super) fn by_text(&self, calls: &[&Call]) -> Cmd {
        self.command("EVAL", |text| &text.text, calls)
    }

    fn command(&self, name: &str, script: impl Fn(&Text) -> &str, calls: &[&Call]) -> Cmd {
        let mut command = Cmd::new();
        let Some(first) = calls.first() else { return command };
        let Some(text) = self.text(first.verb) else { return got(calls) };
        command.arg(name).arg(script(text)).arg(calls.len());
        for call in calls {
            command.arg(&call.key);
        }
        if let Verb::Claim(on_abandoned) = first.verb {
            command.arg(on_abandoned.word());
        }
        for call in calls {
            command.arg(&call.arguments);
        }
        command
    }

    fn text(&self, verb: Verb) -> Option<&Text> {
        Some(match verb {
            Verb::Get => return None,
            Verb::Claim(_) => &self.claim,
            Verb::Renew => &self.renew,
            Verb::Complete => &self.complete,
            Verb::Release => &self.release,
            Verb::Resolve => &self.resolve,
            Verb::Inspect => &self.inspect,
            Verb::Forget => &self.forget,
            Verb::Drop => &self.drop,
        })
    }
}

/// Command that gets the entries of these keys: a single one as it is, and more in an array.
fn got(calls: &[&Call]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(if calls.len() == 1 { "GET" } else { "MGET" });
    for call in calls {
        command.arg(&call.key);
    }
    command
}

impl OnAbandoned {
    fn word(self) -> &'static str {
        match self {
            OnAbandoned::Refuse => "refuse",
            OnAbandoned::Rerun => "rerun",
        }
    }
}

impl Text {
    /// A script's text: `usual`, then the shared part, then `rest`. `usual` runs before anything is
    /// set up for the rest; it may be empty.
    fn new(generation: Generation, usual: &str, rest: &str) -> Self {
        let text = [generation.known(), usual, include_str!("scripts/entry.lua"), rest].concat();
        Text { hash: Script::new(&text).get_hash().to_owned(), text }
    }
}

impl Generation {
    /// Lines that tell a script the server's abilities.
    fn known(self) -> &'static str {
        match self {
            Generation::OfServer => "local can_set_and_get = (redis.REDIS_VERSION_NUM or 0) >= 0x00070000\n",
            Generation::Before7 => "local can_set_and_get = false\n",
        }
    }
}
