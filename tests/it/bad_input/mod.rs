//! Wrong requests: their answers, and that they have no effect. Each row is bytes on a socket.

mod fixture;
mod keys;
mod requests;

use idempotent_runtime::MemoryStore;
use idempotent_tests::scripted::Scripted;

use self::fixture::{LIMIT, Row, STORED, keyed, numbered, request, server};
use crate::fixture::{Calls, Served};

#[test]
fn every_bad_request_gets_its_answer_and_has_no_effect() {
    let store = Scripted::new(MemoryStore::new());
    let server = server(&store);
    let mut rows = keys::invalid_keys();
    rows.extend(keys::valid_keys());
    rows.extend(keys::missing_and_formats());
    rows.extend(requests::bodies());
    rows.extend(requests::reused());
    rows.extend(requests::extractors());
    rows.extend(requests::methods());
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let wrong: Vec<String> =
        rows.iter().enumerate().filter_map(|(number, row)| check(&server, &store, number, row)).collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Fault of a row, if there is any.
fn check(server: &Served, store: &Scripted, number: usize, row: &Row) -> Option<String> {
    let (effects, calls) = (server.effects(), Calls::to(store));
    for before in &row.before {
        server.send(&numbered(before, number));
    }
    let reply = server.send(&numbered(&row.request, number));
    let problem: serde_json::Value = match reply.header("content-type") {
        Some("application/problem+json") => serde_json::from_slice(&reply.body).unwrap(),
        _ => serde_json::Value::Null,
    };
    let code = problem["code"].as_str().zip(problem["retryable"].as_bool());
    let found = (
        (reply.status, code, problem["idempotency_key"].as_str(), reply.is_replay()),
        (server.effects() - effects, Calls::to(store) - calls),
    );
    let expected = ((row.status, row.code, row.key, row.replay), (row.effects, row.calls));
    (found != expected).then(|| format!("{}:\n  expected {expected:?}\n  found    {found:?}", row.name))
}

#[test]
fn a_body_that_is_refused_does_not_become_the_next_request() {
    let store = Scripted::new(MemoryStore::new());
    let server = server(&store);
    // What would be a body is a request that has an effect.
    let smuggled = numbered(&keyed("/strict", b"smuggled", b""), 1);
    let length = format!("Content-Length: {}", smuggled.len() + LIMIT);
    let head = request("POST", "/strict", &[b"Idempotency-Key: k", length.as_bytes()], b"");
    let mut connection = server.connect();
    let reply = connection.exchange(&numbered(&head, 0));
    assert_eq!((reply.status, reply.code().as_str()), (413, "body_too_large"), "{reply:?}");
    // The server may have closed the connection already, so that writing fails.
    let _ = std::io::Write::write_all(&mut connection.stream(), &smuggled);
    assert_eq!(connection.reply(), None);
    assert_eq!(server.effects(), 0);
}

#[test]
fn a_refused_key_leaves_the_connection_usable_or_says_that_it_does_not() {
    let store = Scripted::new(MemoryStore::new());
    let server = server(&store);
    let mut connection = server.connect();
    for (number, body) in [&b""[..], b"", b"a body to skip", b""].into_iter().enumerate() {
        let bad = connection.exchange(&numbered(&keyed("/strict", b"a b", body), number));
        assert_eq!(bad.code(), "key_invalid");
        if bad.header("connection") == Some("close") {
            assert!(!body.is_empty(), "closed without need");
            connection = server.connect();
        }
        let good = connection.exchange(&numbered(&keyed("/strict", b"ab", b"body"), number));
        assert_eq!((good.status, good.text()), (201, "body"));
    }
    assert_eq!(server.effects(), 4);
}

#[test]
fn the_connection_may_end_within_a_body_without_a_claim() {
    let store = Scripted::new(MemoryStore::new());
    let server = server(&store);
    let mut connection = server.connect();
    let half = request("POST", "/strict", &[b"Idempotency-Key: k", b"Content-Length: 10"], b"half");
    connection.send(&numbered(&half, 0));
    drop(connection);
    let whole = request("POST", "/strict", &[b"Idempotency-Key: k", b"Content-Length: 10"], b"half+half!");
    assert_eq!(server.send(&numbered(&whole, 0)).status, 201);
    assert_eq!((server.effects(), Calls::to(&store)), (1, STORED));
}
