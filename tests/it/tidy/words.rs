//! Words: short lines, comments that name their subject first, files of one idea, the field's
//! names.

use super::{all_rust_files, files, read};

/// Columns of a comment.
const COLUMNS: usize = 100;

/// Lines of a file of code.
const LINES: usize = 400;

/// Words with which a doc comment would say something of a thing that it has not named yet.
const RELATIVE: [&str; 11] =
    ["What", "How", "Whether", "Where", "When", "Who", "Whom", "Whose", "Which", "Why", "Those"];

/// Asserts that no file has a line for which `fault` says something.
fn has_none(fault: impl Fn(&str, &str) -> bool) {
    let mut found = Vec::new();
    for (path, text) in all_rust_files() {
        let mut before = "";
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if fault(before, line) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
            before = line;
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_comment_is_too_wide() {
    has_none(|_, line| line.trim_start().starts_with("//") && line.chars().count() > COLUMNS);
}

/// Text of a line of a doc comment.
fn documentation(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim_start)
}

#[test]
fn no_doc_comment_opens_with_a_relative_clause() {
    has_none(|before, line| {
        let first = documentation(line).filter(|_| documentation(before).is_none());
        let word = first.and_then(|text| text.split(|char: char| !char.is_alphanumeric()).next());
        word.is_some_and(|word| RELATIVE.contains(&word))
    });
}

#[test]
fn no_file_is_too_long() {
    let long = all_rust_files().into_iter().map(|(path, text)| (path, text.lines().count()));
    let long: Vec<_> = long.filter(|(_, lines)| *lines > LINES).collect();
    assert_eq!(long, Vec::<(String, usize)>::new());
}

/// Retired names, each with the folder in which it is retired and the field's word for it. A name
/// is that of a type, a function, a constant, a file or a folder. Elsewhere it may mean something
/// else.
const RETIRED: &[(&str, &str, &str)] = &[
    ("examples", "PATIENCE", "the time of what it is"),
    ("idempotent-client", "PATIENCE", "the time of what it is"),
    ("idempotent-client/src", "giving", "key_source"),
    ("idempotent-client/src", "schedule", "retry"),
    ("idempotent-client/src", "Schedule", "Retries"),
    ("idempotent-client/src", "verdict", "classify"),
    ("idempotent-client/src", "Verdict", "Decision"),
    ("idempotent-client/src", "answer.rs", "response"),
    ("idempotent-client/src", "Answer", "ReceivedResponse"),
    ("idempotent-client/src", "Pauses", "Backoff"),
    ("idempotent-macros/src", "beside", "neighbours"),
    ("idempotent-macros/src", "Beside", "Neighbours"),
    ("idempotent-runtime/benches", "PATIENCE", "the time of what it is"),
    ("idempotent-runtime/src", "Pace", "Backoff"),
    ("idempotent-runtime/src", "pace.rs", "backoff"),
    ("idempotent-runtime/src", "watched.rs", "watch"),
    ("idempotent-runtime/src", "Seat", "Subscriber"),
    ("idempotent-runtime/src", "expansion.rs", "policy_macro"),
    ("idempotent-runtime/src/admin", "asked", "requests"),
    ("idempotent-runtime/src/admin", "Asked", "InspectBody"),
    ("idempotent-runtime/src/admin", "told", "responses"),
    ("idempotent-runtime/src/admin", "open_door", "guard_check"),
    ("idempotent-runtime/src/admin", "places.rs", "limit"),
    ("idempotent-runtime/src/conformance", "desk.rs", "harness"),
    ("idempotent-runtime/src/conformance", "Desk", "Harness"),
    ("idempotent-runtime/src/conformance", "PATIENCE", "the time of what it is"),
    ("idempotent-runtime/src/context", "Turn", "StepClaim"),
    ("idempotent-runtime/src/context", "turn.rs", "step_claim"),
    ("idempotent-runtime/src/engine", "Inner", "Engine"),
    ("idempotent-runtime/src/execution", "Filed", "CompletionOutcome"),
    ("idempotent-runtime/src/execution", "file.rs", "completion"),
    ("idempotent-runtime/src/execution", "give_back", "release"),
    ("idempotent-runtime/src/execution", "GivingBack", "PendingReleases"),
    ("idempotent-runtime/src/execution", "reconciled.rs", "takeover"),
    ("idempotent-runtime/src/execution", "store_failure", "unprotected"),
    ("idempotent-runtime/src/execution", "PATIENCE", "the time of what it is"),
    ("idempotent-runtime/src/flight", "Lead", "Leader"),
    ("idempotent-runtime/src/idempotency", "Inner", "Engine"),
    ("idempotent-runtime/src/observe", "Account", "EventGuard"),
    ("idempotent-runtime/src/observe", "account.rs", "event_guard"),
    ("idempotent-runtime/src/observe", "Audience", "ListenerHandle"),
    ("idempotent-runtime/src/run", "Told", "Step"),
    ("idempotent-runtime/src/run", "Asked", "ClaimOutcome"),
    ("idempotent-runtime/src/run", "Unanswered", "Rejection"),
    ("idempotent-runtime/src/run", "ask.rs", "execution/claim"),
    ("idempotent-runtime/src/store", "Unanswered", "CircuitBreaker"),
    ("idempotent-runtime/src/store", "Leave", "CallPermit"),
    ("idempotent-runtime/src/store", "patiently", "for_operators"),
    ("idempotent-runtime/src/store", "unanswered.rs", "circuit_breaker"),
    ("idempotent-runtime/src/store/memory", "verbs.rs", "store"),
    ("idempotent-runtime/src/store/memory", "slot.rs", "claimed"),
    ("idempotent-runtime/src/store/memory", "Slot", "Claimed"),
    ("idempotent-runtime/src/store/memory", "due.rs", "expiry"),
    ("idempotent-runtime/src/store/postgres", "looks.rs", "inspect"),
    ("idempotent-runtime/src/store/postgres", "Looks", "Inspector"),
    ("idempotent-runtime/src/store/postgres", "trips", "statements"),
    ("idempotent-runtime/src/store/postgres", "Carrier", "Statements"),
    ("idempotent-runtime/src/store/postgres", "link.rs", "connections"),
    ("idempotent-runtime/src/store/postgres", "Link", "Connections"),
    ("idempotent-runtime/src/store/postgres", "wake.rs", "listen"),
    ("idempotent-runtime/src/store/postgres", "Inner", "a name of its own"),
    ("idempotent-runtime/src/store/postgres", "PATIENCE", "the time of what it is"),
    ("idempotent-runtime/src/store/redis", "words.rs", "call, reply, keys"),
    ("idempotent-runtime/src/store/redis", "kept.rs", "connection"),
    ("idempotent-runtime/src/store/redis", "Kept", "SharedConnection"),
    ("idempotent-runtime/src/store/redis", "together.rs", "batch"),
    ("idempotent-runtime/src/store/redis", "link.rs", "client"),
    ("idempotent-runtime/src/store/redis", "Link", "RedisClient"),
    ("idempotent-runtime/src/store/redis", "Inner", "a name of its own"),
    ("idempotent-runtime/src/store/redis", "PATIENCE", "the time of what it is"),
    ("idempotent-runtime/src/store/remote", "bells", "notify"),
    ("idempotent-runtime/src/store/remote", "Bells", "Notifier"),
    ("idempotent-runtime/src/store/remote", "Bell", "Waiter"),
    ("idempotent-runtime/src/store/remote", "wakes.rs", "wakeups"),
    ("idempotent-runtime/src/store/remote", "Wakes", "Wakeups"),
    ("idempotent-runtime/src/store/remote", "channel.rs", "subscription"),
    ("idempotent-runtime/src/store/remote", "Asked", "QueuedCall"),
    ("idempotent-runtime/src/store/remote", "PATIENCE", "the time of what it is"),
    ("idempotent-runtime/src/store/sqlite", "line.rs", "fair_lock"),
    ("idempotent-runtime/src/store/sqlite", "Line", "FairLock"),
    ("idempotent-runtime/src/store/sqlite", "alone", "fast_path"),
    ("idempotent-runtime/src/store/sqlite", "log.rs", "checkpointer"),
    ("idempotent-runtime/src/store/sqlite", "reader.rs", "stuck"),
    ("idempotent-runtime/src/store/sqlite", "Inner", "a name of its own"),
    ("idempotent-runtime/src/store/sqlite", "PATIENCE", "the time of what it is"),
    ("idempotent-runtime/src/testing", "trial", "check"),
    ("idempotent-runtime/src/testing", "Trial", "Check"),
    ("idempotent-runtime/src/testing", "PATIENCE", "the time of what it is"),
    ("idempotent-runtime/src/transaction", "Begun", "OpenTransaction"),
    ("idempotent-runtime/src/transaction", "Left", "AtClose"),
    ("idempotent-runtime/src/transaction", "Lent", "Borrowed"),
    ("idempotent-runtime/src/transaction", "PATIENCE", "the time of what it is"),
    ("tests", "ground.rs", "fixture"),
    ("tests", "Ground", "Fixture"),
    ("tests", "desk.rs", "fixture"),
    ("tests", "Desk", "Fixture"),
    ("tests", "kit.rs", "fixture"),
    ("tests", "bench.rs", "fixture"),
    ("tests", "Bench", "Fixture"),
    ("tests", "PATIENCE", "the time of what it is"),
];

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// True where a file or a folder of the path has this name.
fn is_in_path(path: &str, name: &str) -> bool {
    path.split('/').any(|part| part == name || part.strip_suffix(".rs") == Some(name))
}

/// True where the code of a line, without its texts, has the name as a word.
fn is_in_code(line: &str, name: &str) -> bool {
    let is_of_a_name = |char: char| char.is_alphanumeric() || char == '_';
    let code = line.split("//").next().unwrap_or_default();
    let mut words = code.split('"').step_by(2).flat_map(|code| code.split(|char| !is_of_a_name(char)));
    words.any(|word| word == name)
}

/// True where a text gives the name as that of code: `Name`, `Name::…`, or the file in its folder.
fn is_in_text(text: &str, folder: &str, name: &str) -> bool {
    let is_of_code = name.contains(|char: char| char.is_uppercase() || char == '_');
    let mut spans = text.split('`').skip(1).step_by(2);
    let folder = folder.rsplit('/').next().unwrap_or(folder);
    let file = format!("{folder}/{}.rs", name.trim_end_matches(".rs"));
    text.contains(&file) || is_of_code && spans.any(|span| span.split("::").any(|part| part == name))
}

#[test]
fn no_retired_name_is_left() {
    let files_of_code = all_rust_files();
    let mut found = Vec::new();
    for &(folder, name, instead) in RETIRED {
        for (path, text) in files_of_code.iter().filter(|(path, _)| is_below(path, folder)) {
            let lines = text.lines().enumerate().filter(|(_, line)| {
                is_in_code(line, name) || line.contains("//") && is_in_text(line, folder, name)
            });
            let lines = lines.map(|(number, _)| format!("{path}:{}", number + 1));
            let file = is_in_path(path, name).then(|| path.clone());
            found.extend(
                file.into_iter().chain(lines).map(|place| format!("{place}: `{name}` is `{instead}`")),
            );
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// Documents about the code. The changelog tells of names that were.
fn documents() -> Vec<(String, String)> {
    let mut documents: Vec<_> = ["docs", "idempotent-runtime", "tests", "examples"]
        .iter()
        .flat_map(|folder| files(folder, ".md"))
        .collect();
    for path in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        documents.push((path.to_owned(), read(path)));
    }
    documents
}

#[test]
fn no_document_gives_a_retired_name() {
    let documents = documents();
    let mut found = Vec::new();
    for &(folder, name, instead) in RETIRED {
        for (path, text) in &documents {
            let lines = text.lines().enumerate().filter(|(_, line)| is_in_text(line, folder, name));
            found.extend(lines.map(|(number, _)| format!("{path}:{}: `{name}` is `{instead}`", number + 1)));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}
