//! Rights of the store's user, tried before they are needed, in ways that change nothing.
//!
//! `ACL DRYRUN` would tell too, but a user who may not do everything may seldom ask that.

use redis::{Cmd, RedisError, Script, Value, from_redis_value};

use super::{
    client::RedisClient,
    failure::{Failure, NAME, says},
    keys::Names,
    replicas::Replicas,
};
use crate::{request::Address, store::SetupError};

/// An address that no entry has.
const NOBODYS: [u8; 32] = [0; 32];

/// Commands without which the store works, and the loss without each.
const USEFUL: [(&str, &str); 2] = [
    ("PUBLISH", "a duplicate on another node learns of a completion up to five seconds late"),
    ("SCAN", "stuck keys cannot be listed, and no key can be forgotten"),
];

/// Fails where the user may not do what the store will have to. A server in trouble answers with
/// other errors, which say nothing of rights.
pub(super) async fn check(
    client: &RedisClient,
    names: &Names,
    replicas: Option<Replicas>,
    user: &str,
) -> Result<(), SetupError> {
    let mut missing = of_scripts(client, names).await;
    if replicas.is_some() {
        let mut publish = command(&["PUBLISH"]);
        publish.arg(names.channel()).arg("");
        for (name, command) in [("WAIT", command(&["WAIT", "0", "1"])), ("PUBLISH", publish)] {
            if is_refused(&client.send(&command).await) {
                missing.push(name.to_owned());
            }
        }
    }
    if !missing.is_empty() {
        let user = user.to_owned();
        return Err(SetupError::Rights { store: NAME, user, missing: missing.join(", ") });
    }
    warn(client, names).await;
    Ok(())
}

/// Rights that the store's scripts lack.
async fn of_scripts(client: &RedisClient, names: &Names) -> Vec<String> {
    let script = include_str!("scripts/rights.lua");
    let (hash, key) = (Script::new(script).get_hash().to_owned(), names.key(Address::from_bytes(NOBODYS)));
    let run = [command(&["EVALSHA", &hash, "0"]), command(&["EVAL", "return 0", "0"])];
    let mut missing = Vec::new();
    for (name, command) in ["EVALSHA", "EVAL"].into_iter().zip(run) {
        if is_refused(&client.send(&command).await) {
            missing.push(name.to_owned());
        }
    }
    if missing.is_empty() {
        let tried = client.send(command(&["EVAL", script, "1"]).arg(key)).await;
        if is_refused(&tried) {
            missing.push(format!("the keys {}", String::from_utf8_lossy(&names.pattern(&[]))));
        }
        missing.extend(names_in(tried));
    }
    missing
}

/// Finds missing commands. For Redis 7 and later, which tell scripts about rights.
const USEFUL_ONES_MISSING: &str = "
    local missing = {}
    local function check(...)
        if redis.acl_check_cmd and not redis.acl_check_cmd(...) then missing[#missing + 1] = (...) end
    end
    check('PUBLISH', ARGV[1], '')
    check('SCAN', '0')
    return missing";

async fn warn(client: &RedisClient, names: &Names) {
    let asked = client.send(command(&["EVAL", USEFUL_ONES_MISSING, "0"]).arg(names.channel())).await;
    let missing = names_in(asked);
    for (name, lost) in USEFUL.iter().filter(|(name, _)| missing.iter().any(|missing| missing == name)) {
        tracing::warn!(store = NAME, "the user may not {name}: {lost}");
    }
}

fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(words);
    command
}

/// True where the server refuses for lack of rights, or does not know the command, as where it was
/// renamed.
fn is_refused(reply: &Result<Value, Failure>) -> bool {
    let is_refusal = |error: &RedisError| says(error, "NOPERM") || says(error, "unknown command");
    reply.as_ref().is_err_and(|failure| is_refusal(failure.error()))
}

/// Names of commands that a script has answered with.
fn names_in(reply: Result<Value, Failure>) -> Vec<String> {
    reply.ok().and_then(|names| from_redis_value(names).ok()).unwrap_or_default()
}
