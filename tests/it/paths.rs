//! Spellings of one path. They are one path (RFC 3986, section 6.2.2), wherever a path says which
//! request it is.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{HttpResponse, Responder, http::Method, web};
use idempotent_runtime::{EntryName, Idempotency, Resolution, Resolved, idempotent};
use idempotent_tests::fresh;

use crate::fixture::{
    Effects,
    Is::{self, New, Replayed, Reused},
    Served, is, serve,
};

#[idempotent(scope = "resource")]
async fn resource(id: web::Path<String>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(id.into_inner())
}

#[idempotent]
async fn endpoint(id: web::Path<String>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(id.into_inner())
}

#[idempotent(scope = "global")]
async fn global(id: web::Path<String>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(id.into_inner())
}

/// It has no pattern, so its path stands for one.
#[idempotent]
async fn anywhere(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[idempotent]
async fn static_path(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

fn start(idempotency: &Idempotency) -> Served {
    serve(idempotency, |app| {
        app.route("/resource/{id}/pay", web::post().to(resource))
            .route("/endpoint/{id}/pay", web::post().to(endpoint))
            .route("/global/{id}/pay", web::post().to(global))
            .route("/aufträge", web::post().to(static_path))
            .default_service(web::post().to(anywhere));
    })
}

fn start_plain() -> (Idempotency, Served) {
    let idempotency = fresh().build().unwrap();
    let server = start(&idempotency);
    (idempotency, server)
}

const KEY: &str = "Idempotency-Key: k";

/// Two spellings, what the handler gets of each, and whether they are one path.
const SPELLINGS: [(&str, &str, &str, &str, bool); 19] = [
    ("x~y", "x~y", "x%7Ey", "x~y", true),
    ("x~y", "x~y", "x%7ey", "x~y", true),
    ("alice", "alice", "al%69ce", "alice", true),
    ("alice", "alice", "%61%6C%69%63%65", "alice", true),
    ("A-1_b.c", "A-1_b.c", "%41%2D%31%5F%62%2E%63", "A-1_b.c", true),
    ("%c3%a9", "é", "%C3%A9", "é", true),
    ("%c3%a9%7e", "é~", "%C3%A9~", "é~", true),
    ("a%2fb", "a/b", "a%2Fb", "a/b", true),
    // No path may hold these characters, and clients send them all the same.
    ("a\"b", "a\"b", "a%22b", "a\"b", true),
    ("a|b", "a|b", "a%7cb", "a|b", true),
    ("a^b\\c", "a^b\\c", "a%5Eb%5cc", "a^b\\c", true),
    // What is reserved may have a meaning of its own.
    ("a@b", "a@b", "a%40b", "a@b", false),
    ("a!b", "a!b", "a%21b", "a!b", false),
    ("a+b", "a+b", "a%2Bb", "a+b", false),
    ("a%20b", "a b", "a%2520b", "a%20b", false),
    ("%2561", "%61", "a", "a", false),
    ("alice", "alice", "Alice", "Alice", false),
    ("a%2Fb", "a/b", "a%5Cb", "a\\b", false),
    ("%7z", "%7z", "%7Z", "%7Z", false),
];

fn twice(path: impl Fn(&str) -> String, one: (&str, &str), other: (&str, &str)) -> Is {
    let (_, server) = start_plain();
    let send = |(spelling, _): (&str, &str)| server.post(&path(spelling), &[KEY], b"body");
    let first = send(one);
    assert_eq!((is(&first), first.text()), (New, one.1), "{}", one.0);
    let second = is(&send(other));
    assert_eq!(server.effects(), 1 + usize::from(second == New));
    second
}

#[test]
fn a_resource_is_one_however_its_path_is_spelt() {
    for (one, first, other, second, is_one) in SPELLINGS {
        let path = |id: &str| format!("/resource/{id}/pay");
        let expected = if is_one { Replayed } else { New };
        assert_eq!(twice(path, (one, first), (other, second)), expected, "{one} {other}");
        assert_eq!(twice(path, (other, second), (one, first)), expected, "{other} {one}");
    }
}

#[test]
fn a_retry_whose_path_is_spelt_otherwise_is_the_same_request() {
    for scope in ["endpoint", "global"] {
        for (one, first, other, second, is_one) in SPELLINGS {
            let path = |id: &str| format!("/{scope}/{id}/pay");
            let expected = if is_one { Replayed } else { Reused };
            assert_eq!(twice(path, (one, first), (other, second)), expected, "{scope}: {one} {other}");
        }
    }
}

#[test]
fn a_handler_without_a_pattern_has_one_key_space_for_all_spellings_of_its_path() {
    for (one, _, other, _, is_one) in SPELLINGS {
        let path = |id: &str| format!("/anywhere/{id}");
        let expected = if is_one { Replayed } else { New };
        assert_eq!(twice(path, (one, ""), (other, "")), expected, "{one} {other}");
    }
}

#[test]
fn the_parts_of_a_path_stay_where_they_are() {
    let (_, server) = start_plain();
    let send = |path: &str| is(&server.post(path, &[KEY], b"body"));
    for path in ["/a/b", "/a%2Fb", "/a//b", "/a/b/", "/a/./b", "/x/../a/b", "//a/b"] {
        assert_eq!(send(path), New, "{path}");
    }
}

#[actix_web::test]
async fn operators_name_an_entry_by_any_spelling_of_its_path() {
    let (idempotency, server) = start_plain();
    let post = |path: &str, key: &str| server.post(path, &[&format!("Idempotency-Key: {key}")], b"body");
    for (number, (one, _, other, _, is_one)) in SPELLINGS.into_iter().enumerate() {
        let key = format!("key-{number}");
        assert_eq!(is(&post(&format!("/resource/{one}/pay"), &key)), New);
        assert_eq!(is(&post(&format!("/anywhere/{one}"), &key)), New);
        for (spelling, is_found) in [(one, true), (other, is_one)] {
            let resource = EntryName::resource(Method::POST, format!("/resource/{spelling}/pay"), &key);
            let anywhere = EntryName::endpoint(Method::POST, format!("/anywhere/{spelling}"), &key);
            for entry in [resource, anywhere] {
                let found = idempotency.inspect(&entry).await.unwrap().is_some();
                assert_eq!(found, is_found, "{entry:?}");
            }
        }
    }
}

/// A pattern is as its route says it, and so is one that is a path too.
#[actix_web::test]
async fn operators_name_an_entry_by_the_pattern_as_it_is_written() {
    let (idempotency, server) = start_plain();
    server.post("/auftr%c3%a4ge", &[KEY], b"body");
    server.post("/endpoint/1/pay", &[KEY], b"body");
    for pattern in ["/aufträge", "/endpoint/{id}/pay"] {
        let entry = EntryName::endpoint(Method::POST, pattern, "k");
        let ended = idempotency.resolve(&entry, Resolution::Refuse).await.unwrap();
        assert_eq!(ended, Resolved::Settled, "{pattern}");
    }
}
