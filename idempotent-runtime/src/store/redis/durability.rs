//! Says loudly what the server's settings may cost.

use redis::{Cmd, Value, from_redis_value};

use super::{client::RedisClient, failure::NAME};

/// Any slot: of a cluster, one primary is asked.
const ANY_SLOT: u16 = 0;

/// Settings by which the server forgets keys, or keeps them. `None` where it does not show one.
#[derive(Debug, Default)]
struct Settings {
    maxmemory: Option<String>,
    policy: Option<String>,
    appendonly: Option<bool>,
    appendfsync: Option<String>,
}

/// Reads the settings that the server shows, and warns of those that may lose keys. Says once which
/// it does not show.
pub(super) async fn warn(client: &RedisClient) {
    let settings = Settings::of(client).await;
    settings.warn_of_hidden();
    settings.warn_of_eviction();
    settings.warn_of_restarts();
}

impl Settings {
    /// The settings that the server shows. Many a managed one refuses `CONFIG`, and still tells the
    /// most of it among its statistics.
    async fn of(client: &RedisClient) -> Self {
        let (memory, persistence) = (info(client, "memory").await, info(client, "persistence").await);
        let aof = line(&persistence, "aof_enabled").map(|enabled| enabled == "1");
        let appendonly = setting(client, "appendonly").await.map(|written| written == "yes");
        Settings {
            maxmemory: setting(client, "maxmemory").await.or_else(|| line(&memory, "maxmemory")),
            policy: setting(client, "maxmemory-policy").await.or_else(|| line(&memory, "maxmemory_policy")),
            appendonly: appendonly.or(aof),
            appendfsync: setting(client, "appendfsync").await,
        }
    }

    fn hidden(&self) -> Vec<&'static str> {
        let is_hidden = [
            ("maxmemory-policy", self.policy.is_none()),
            ("appendonly", self.appendonly.is_none()),
            ("appendfsync", self.appendonly != Some(false) && self.appendfsync.is_none()),
        ];
        is_hidden.into_iter().filter_map(|(name, is_hidden)| is_hidden.then_some(name)).collect()
    }

    fn warn_of_hidden(&self) {
        let hidden = self.hidden().join(", ");
        if !hidden.is_empty() {
            tracing::warn!(
                store = NAME,
                hidden,
                "cannot see whether keys may be forgotten, since this Redis does not show all settings: make sure that \
                 maxmemory-policy is noeviction, appendonly is yes, and appendfsync is always"
            );
        }
    }

    fn warn_of_eviction(&self) {
        let is_limited = self.maxmemory.as_deref().is_none_or(|limit| limit != "0");
        if let Some(policy) = self.policy.as_deref().filter(|policy| is_limited && *policy != "noeviction") {
            tracing::warn!(
                store = NAME,
                policy,
                "this Redis evicts keys when its memory is full: an evicted key is forgotten, and a retry of it runs again; \
                 set maxmemory-policy to noeviction"
            );
        }
    }

    fn warn_of_restarts(&self) {
        if self.appendonly == Some(false) {
            tracing::warn!(
                store = NAME,
                "this Redis writes no append-only file: a restart forgets keys, and retries of them run again; set appendonly to yes"
            );
        } else if let Some(policy) = self.appendfsync.as_deref().filter(|policy| *policy != "always") {
            tracing::warn!(
                store = NAME,
                policy,
                "this Redis syncs its append-only file now and then: a crash of its machine forgets the keys of the last second or \
                 more; set appendfsync to always where that is too much"
            );
        }
    }
}

/// A setting of the server, if it shows it.
async fn setting(client: &RedisClient, name: &str) -> Option<String> {
    let reply = client.send_to(ANY_SLOT, Cmd::new().arg("CONFIG").arg("GET").arg(name)).await;
    value_of(reply.ok()?, name)
}

/// The value of a setting, in an answer that may have none.
fn value_of(reply: Value, name: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = from_redis_value(reply).ok()?;
    pairs.into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
}

/// A section of the server's statistics, or nothing.
async fn info(client: &RedisClient, section: &str) -> String {
    let reply = client.send_to(ANY_SLOT, Cmd::new().arg("INFO").arg(section)).await;
    reply.ok().and_then(|reply| from_redis_value(reply).ok()).unwrap_or_default()
}

/// The value in one line of the statistics.
fn line(info: &str, name: &str) -> Option<String> {
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
    info.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_answer_shows_no_setting() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        assert_eq!(value_of(Value::Array(Vec::new()), "appendonly"), None);
        assert_eq!(value_of(Value::Map(Vec::new()), "appendonly"), None);
        let shown = Value::Array(vec![text("appendonly"), text("yes")]);
        assert_eq!(value_of(shown, "appendonly").as_deref(), Some("yes"));
    }

    #[test]
    fn whatever_is_not_shown_is_named_and_what_does_not_matter_is_not() {
        let nothing = Settings::default();
        assert_eq!(nothing.hidden(), ["maxmemory-policy", "appendonly", "appendfsync"]);
        let managed = Settings { policy: Some("noeviction".to_owned()), appendonly: Some(true), ..nothing };
        assert_eq!(managed.hidden(), ["appendfsync"]);
        let restarts = Settings { appendonly: Some(false), ..managed };
        assert_eq!(restarts.hidden(), [""; 0]);
    }

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        let memory = "# Memory\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n";
        assert_eq!(line(memory, "maxmemory").as_deref(), Some("100"));
        assert_eq!(line(memory, "maxmemory_policy").as_deref(), Some("allkeys-lru"));
        assert_eq!(line(memory, "maxmem"), None);
    }
}
