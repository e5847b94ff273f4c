//! Keys that are elsewhere than in the application's header: the same facts for each place.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use idempotent_runtime::{Idempotency, IdempotencyBuilder, KeyFormat, MemoryStore, SqliteStore, idempotent};
use idempotent_tests::{Reply, Scratch, fresh, post, scripted::Scripted};

use crate::fixture::{Calls, Effects, Served, assert_replayed, serve};

/// A handler for each place of a key, with a key that is required and one that is not.
macro_rules! handlers {
    ($($name:ident $optional:ident $key:tt)*) => {$(
        #[idempotent(key = $key)]
        async fn $name(body: web::Bytes, effects: Effects) -> impl Responder {
            effects.fetch_add(1, SeqCst);
            HttpResponse::Created().body(body)
        }

        #[idempotent(key = $key, required = false)]
        async fn $optional(body: web::Bytes, effects: Effects) -> impl Responder {
            effects.fetch_add(1, SeqCst);
            HttpResponse::Created().body(body)
        }
    )*};
}

handlers! {
    by_header maybe_by_header "header:X-Event-Id"
    by_json maybe_by_json "json:/data/id"
    by_form maybe_by_form "form:event id"
    by_query maybe_by_query "query:event id"
    by_function maybe_by_function "first_line"
}

/// The first line of a body that has more than one.
fn first_line(request: &HttpRequest, body: &[u8]) -> Option<String> {
    assert_eq!(request.method(), "POST");
    let (line, _) = str::from_utf8(body).ok()?.split_once('\n')?;
    Some(line.to_owned())
}

fn start(builder: IdempotencyBuilder) -> Served {
    serve(&builder.build().unwrap(), |app| {
        app.route("/header", web::post().to(by_header))
            .route("/maybe/header", web::post().to(maybe_by_header))
            .route("/json", web::post().to(by_json))
            .route("/maybe/json", web::post().to(maybe_by_json))
            .route("/form", web::post().to(by_form))
            .route("/maybe/form", web::post().to(maybe_by_form))
            .route("/query", web::post().to(by_query))
            .route("/maybe/query", web::post().to(maybe_by_query))
            .route("/function", web::post().to(by_function))
            .route("/maybe/function", web::post().to(maybe_by_function));
    })
}

/// A request: query, header lines, body.
type Sent = (&'static str, &'static [&'static str], &'static str);

/// A place of keys, and requests with keys there.
struct Place {
    path: &'static str,
    /// Words that a refusal names the place by.
    named: &'static str,
    /// The key of `sent`, as a refusal tells it.
    key: &'static str,
    sent: Sent,
    /// The same key with another request.
    other: Sent,
    /// Another key.
    another: Sent,
    missing: Sent,
    malformed: &'static [Sent],
    twice: &'static [Sent],
}

const PLACES: [Place; 5] = [
    Place {
        path: "/header",
        named: "he header X-Event-Id",
        key: "evt-1",
        sent: ("", &["x-event-id: evt-1"], "a"),
        other: ("", &["X-Event-Id: \"evt-1\""], "b"),
        another: ("", &["X-Event-Id: evt-2"], "a"),
        missing: ("", &["Idempotency-Key: evt-1"], "a"),
        malformed: &[("", &["X-Event-Id: "], "a"), ("", &["X-Event-Id: a b"], "a")],
        twice: &[("", &["X-Event-Id: a", "x-event-id: a"], "a"), ("", &["X-Event-Id: a, a"], "a")],
    },
    Place {
        path: "/json",
        named: "he value at /data/id in the JSON body",
        key: "evt 1",
        sent: ("", &[], r#"{"data":{"id":"evt 1"}}"#),
        other: ("", &[], r#"{"id":"evt-2","data":{"id":"evt 1"}}"#),
        another: ("", &[], r#"{"data":{"id":17}}"#),
        missing: ("", &["Idempotency-Key: evt-1"], r#"{"id":"evt-1","data":{}}"#),
        malformed: &[
            ("", &[], r#"{"data":{"id":""}}"#),
            ("", &[], r#"{"data":{"id":"é"}}"#),
            ("", &[], r#"{"data":{"id":"a\nb"}}"#),
            ("", &[], r#"{"data":{"id":null}}"#),
            ("", &[], r#"{"data":{"id":1.5}}"#),
            ("", &[], r#"{"data":{"id":["a"]}}"#),
            ("", &[], r#"{"data":{"id":"a"}"#),
            ("", &["Content-Encoding: gzip"], r#"{"data":{"id":"a"}}"#),
        ],
        twice: &[("", &[], r#"{"data":{"id":"a","id":"a"}}"#), ("", &[], r#"{"data":{"id":"a"},"data":{}}"#)],
    },
    Place {
        path: "/form",
        named: "he form field event id",
        key: "evt 1,2",
        sent: ("", &[], "event+id=evt%201%2C2&x=1"),
        other: ("", &[], "event%20id=evt+1,2&x=2"),
        another: ("", &[], "event+id=evt%202&x=1"),
        missing: ("?event+id=evt", &["Idempotency-Key: evt-1"], "x=1&event_id=1"),
        malformed: &[
            ("", &[], "event+id="),
            ("", &[], "event+id"),
            ("", &[], "event+id=%ff"),
            ("", &[], "event+id=a%0Ab"),
        ],
        twice: &[("", &[], "event+id=a&event+id=a"), ("", &[], "event+id=a&x=1&%65vent%20id=b")],
    },
    Place {
        path: "/query",
        named: "he query parameter event id",
        key: "evt 1",
        sent: ("?event+id=evt%201&x=1", &[], "a"),
        other: ("?event+id=evt%201&x=1", &[], "b"),
        another: ("?event+id=evt%202&x=1", &[], "a"),
        missing: ("?x=1", &["Idempotency-Key: evt-1"], "event+id=evt"),
        malformed: &[("?event+id=", &[], "a"), ("?event+id", &[], "a"), ("?event+id=%C3%A9", &[], "a")],
        twice: &[("?event+id=a&event%20id=a", &[], "a")],
    },
    Place {
        path: "/function",
        named: "he part of the request that this endpoint takes as its key",
        key: "evt 1",
        sent: ("", &[], "evt 1\na"),
        other: ("", &[], "evt 1\nb"),
        another: ("", &[], "evt 2\na"),
        missing: ("", &["Idempotency-Key: evt-1"], "evt 1"),
        malformed: &[("", &[], "\na"), ("", &[], "é\na"), ("", &[], "a\tb\na")],
        twice: &[],
    },
];

fn send(server: &Served, path: &str, (query, headers, body): Sent) -> Reply {
    server.send(&post(&format!("{path}{query}"), headers, body.as_bytes()))
}

fn assert_refused(place: &Place, reply: &Reply, code: &str) {
    assert_eq!((reply.status, &*reply.code()), (400, code), "{}: {reply:?}", place.path);
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(place.named), "{detail}");
    assert!(!detail.contains("Idempotency-Key"), "{detail}");
}

#[test]
fn a_request_with_a_key_runs_once_and_is_replayed_wherever_the_key_is() {
    for place in PLACES {
        let server = start(fresh());
        let first = send(&server, place.path, place.sent);
        assert_eq!((first.status, first.text()), (201, place.sent.2), "{}", place.path);
        assert_replayed(&first, &send(&server, place.path, place.sent));
        assert!(!send(&server, place.path, place.another).is_replay());
        assert_eq!(server.effects(), 2, "{}", place.path);
    }
}

#[test]
fn another_request_with_the_key_is_refused_and_told_the_key() {
    for place in PLACES {
        let server = start(fresh());
        send(&server, place.path, place.sent);
        let reused = send(&server, place.path, place.other);
        assert_eq!((reused.status, &*reused.code()), (409, "key_reused"), "{}", place.path);
        assert_eq!(reused.json()["idempotency_key"], place.key);
        assert_eq!(server.effects(), 1);
    }
}

#[test]
fn a_request_without_a_key_there_is_refused_and_told_the_place() {
    for place in PLACES {
        let store = Scripted::new(MemoryStore::new());
        let server = start(Idempotency::builder().store(store.clone()));
        let refused = send(&server, place.path, place.missing);
        assert_refused(&place, &refused, "key_missing");
        assert_eq!(refused.json()["title"], "Idempotency-Key required");
        assert_eq!((server.effects(), Calls::to(&store)), (0, Calls::default()));
    }
}

#[test]
fn a_malformed_key_and_one_that_is_there_twice_are_refused_also_where_none_is_required() {
    for place in PLACES {
        let store = Scripted::new(MemoryStore::new());
        let server = start(Idempotency::builder().store(store.clone()));
        for sent in place.malformed.iter().chain(place.twice) {
            for path in [place.path.to_owned(), format!("/maybe{}", place.path)] {
                assert_refused(&place, &send(&server, &path, *sent), "key_invalid");
            }
        }
        assert_eq!((server.effects(), Calls::to(&store)), (0, Calls::default()));
    }
}

#[test]
fn a_request_without_a_key_runs_unprotected_where_none_is_required() {
    for place in PLACES {
        let server = start(fresh());
        let path = format!("/maybe{}", place.path);
        for _ in 0..2 {
            let reply = send(&server, &path, place.missing);
            assert_eq!((reply.status, reply.text(), reply.is_replay()), (201, place.missing.2, false));
        }
        assert_eq!(server.effects(), 2);
        let first = send(&server, &path, place.sent);
        assert_replayed(&first, &send(&server, &path, place.sent));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_no_key_wherever_it_is() {
    for place in PLACES {
        let scratch = Scratch::new();
        let opened = async || SqliteStore::open(scratch.file("keys.db")).await.unwrap();
        let before = start(Idempotency::builder().store(opened().await));
        let first = send(&before, place.path, place.sent);
        drop(before);
        let after = start(Idempotency::builder().store(opened().await));
        assert_replayed(&first, &send(&after, place.path, place.sent));
        assert_eq!(send(&after, place.path, place.other).code(), "key_reused");
        assert_eq!(after.effects(), 0);
    }
}

#[test]
fn a_key_has_at_most_255_characters_wherever_it_is() {
    let server = start(fresh());
    for (length, status) in [(255, 201), (256, 400)] {
        let key = "k".repeat(length);
        for (path, header, body) in [
            ("/header", format!("X-Event-Id: {key}"), String::new()),
            ("/json", String::new(), format!(r#"{{"data":{{"id":"{key}"}}}}"#)),
            ("/form", String::new(), format!("event+id={key}")),
            (&*format!("/query?event+id={key}"), String::new(), String::new()),
            ("/function", String::new(), format!("{key}\n")),
        ] {
            let headers: &[&str] = if header.is_empty() { &[] } else { &[&header] };
            assert_eq!(server.post(path, headers, body.as_bytes()).status, status, "{path} {length}");
        }
    }
}

#[test]
fn the_format_of_keys_holds_for_a_key_in_the_body_too() {
    let server = start(fresh().key_format(KeyFormat::Uuid));
    let body = |id: &str| format!(r#"{{"data":{{"id":"{id}"}}}}"#);
    let uuid = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    let post = |id: &str| server.post("/json", &[], body(id).as_bytes());
    assert_eq!(post("evt-1").code(), "key_invalid");
    assert_eq!(post(uuid).status, 201);
    // Another spelling of the key is another body, so that the key is used with another request.
    assert_eq!(post(&uuid.to_uppercase()).code(), "key_reused");
}

#[test]
fn a_body_that_is_too_long_is_refused_before_its_key_is_looked_for() {
    let server = start(fresh().max_request_body(8));
    let refused = send(&server, "/json", PLACES[1].sent);
    assert_eq!((refused.status, &*refused.code()), (413, "body_too_large"));
    assert!(refused.json()["idempotency_key"].is_null());
}
