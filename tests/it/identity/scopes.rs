//! Scopes, principals, namespaces and settings: where a key is unique, and for whom.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{HttpResponse, Responder, post, put, web};
use idempotent_runtime::{Idempotency, MemoryStore, Principal, StoreError, idempotent};
use idempotent_tests::{fresh, scripted::Scripted};

use super::fixture::{KEY, by_account, endpoint, routes, start, start_plain};
use crate::{
    fixture::{
        Effects,
        Is::{New, Replayed, Reused},
        Served, assert_replayed, is, serve,
    },
    log,
};

fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let post = idempotent_tests::post(path, headers, body);
    [method.as_bytes(), &post[4..]].concat()
}

#[test]
fn a_key_is_unique_within_its_scope() {
    // POST /SCOPE/1, and then a request with the same key: method, path, body, and what it is.
    let rows = [
        ("endpoint", "POST", "/endpoint/1", "body", Replayed),
        ("endpoint", "POST", "/endpoint/1", "other", Reused),
        ("endpoint", "POST", "/endpoint/2", "body", Reused),
        ("endpoint", "PUT", "/endpoint/1", "body", New),
        ("endpoint", "POST", "/other-endpoint/1", "body", New),
        ("endpoint", "POST", "/endpoint/1?a=b", "body", Reused),
        ("resource", "POST", "/resource/1", "body", Replayed),
        ("resource", "POST", "/resource/1", "other", Reused),
        ("resource", "POST", "/resource/2", "body", New),
        ("resource", "POST", "/resource/2", "other", New),
        ("resource", "PUT", "/resource/1", "body", New),
        ("resource", "POST", "/other-resource/1", "body", New),
        ("resource", "POST", "/resource/1?a=b", "body", Reused),
        ("global", "POST", "/global/1", "body", Replayed),
        ("global", "POST", "/global/1", "other", Reused),
        ("global", "POST", "/global/2", "body", Reused),
        ("global", "PUT", "/global/1", "body", Reused),
        ("global", "POST", "/other-global/1", "body", Reused),
        ("global", "POST", "/endpoint/1", "body", New),
        ("group", "POST", "/group/1", "body", Replayed),
        ("group", "POST", "/group/1", "other", Reused),
        ("group", "POST", "/group/2", "body", Replayed),
        ("group", "PUT", "/group/1", "body", Replayed),
        ("group", "POST", "/other-group/1", "body", Replayed),
        ("group", "POST", "/other-group/1", "other", Reused),
        ("group", "POST", "/other-group/1?a=b", "body", Reused),
        ("group", "POST", "/refund/1", "body", New),
        ("group", "POST", "/global/1", "body", New),
    ];
    for (scope, method, path, body, expected) in rows {
        let server = start_plain();
        assert_eq!(is(&server.post(&format!("/{scope}/1"), &[KEY], b"body")), New);
        let second = server.send(&request(method, path, &[KEY], body.as_bytes()));
        assert_eq!(is(&second), expected, "{scope}: {method} {path} {body}");
        assert_eq!(server.effects(), 1 + usize::from(expected == New));
    }
}

#[test]
fn each_principal_has_keys_of_its_own() {
    let server = start(&by_account());
    let accounts: [&[&str]; 4] = [&[], &["X-Account:"], &["X-Account: alice"], &["X-Account: bob"]];
    for account in accounts {
        let headers = [&[KEY], account].concat();
        let first = server.post("/endpoint/1", &headers, b"body");
        assert_eq!(is(&first), New, "{account:?}");
        assert_replayed(&first, &server.post("/endpoint/1", &headers, b"body"));
    }
    assert_eq!(server.effects(), 4);
}

#[test]
fn a_principal_may_change_its_credentials_between_retries() {
    let server = start(&by_account());
    let send = |token| server.post("/endpoint/1", &[KEY, "X-Account: alice", token], b"body");
    assert_eq!(is(&send("Authorization: Bearer old")), New);
    assert_eq!(is(&send("Authorization: Bearer new")), Replayed);
}

#[test]
fn the_error_of_a_principal_is_the_response() {
    let server = start(&by_account());
    for _ in 0..2 {
        let reply = server.post("/endpoint/1", &[KEY, "X-Account: blocked"], b"body");
        assert_eq!((reply.status, reply.text()), (403, "this account is blocked"));
    }
    assert_eq!(server.effects(), 0);
}

#[test]
fn applications_that_share_a_store_are_told_apart_by_their_namespace() {
    let store = MemoryStore::new();
    let serve = |namespace: &str| {
        start(&Idempotency::builder().store(store.clone()).namespace(namespace).build().unwrap())
    };
    let [shop, again, depot] = ["shop", "shop", "depot"].map(serve);
    let send = |server: &Served| is(&server.post("/endpoint/1", &[KEY], b"body"));
    assert_eq!([send(&shop), send(&depot), send(&again), send(&depot)], [New, New, Replayed, Replayed]);
}

#[test]
fn no_shift_between_namespace_principal_and_key_makes_two_requests_one() {
    let store = MemoryStore::new();
    // Namespace, account (or none) and key; any two are different.
    let rows: [(&str, Option<&str>, &str); 14] = [
        ("ab", Some("c"), "d"),
        ("a", Some("bc"), "d"),
        ("a", Some("b"), "cd"),
        ("", Some("abc"), "d"),
        ("abc", Some(""), "d"),
        ("abc", None, "d"),
        ("", None, "abcd"),
        ("abcd", None, "\" \""),
        ("a", Some("b:c"), "d"),
        ("a:b", Some("c"), "d"),
        ("a", Some("b"), "c:d"),
        ("", Some("anonymous"), "d"),
        ("", None, "d"),
        ("anonymous", None, "d"),
    ];
    for round in [New, Replayed] {
        for (namespace, account, key) in rows {
            let idempotency = Idempotency::builder()
                .store(store.clone())
                .namespace(namespace)
                .principal(|request| {
                    let account = request.headers().get("x-account");
                    Ok(account.map_or(Principal::anonymous(), Principal::new))
                })
                .build()
                .unwrap();
            let mut headers = vec![format!("Idempotency-Key: {key}")];
            headers.extend(account.map(|account| format!("X-Account: {account}")));
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let reply = start(&idempotency).post("/global/1", &headers, b"body");
            assert_eq!(is(&reply), round, "{namespace:?} {account:?} {key:?}");
        }
    }
}

#[post("/orders")]
#[idempotent]
async fn in_scope(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[put("/orders")]
#[idempotent]
async fn in_resource(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

#[test]
fn a_scope_or_a_resource_can_have_settings_of_its_own() {
    let named = |name: &str| fresh().header_name(name).build().unwrap();
    let inner = named("X-Inner");
    let resource = named("X-Resource");
    let server = serve(&named("X-Outer"), move |app| {
        app.service(in_scope)
            .service(web::scope("/inner").app_data(inner.clone()).service(in_scope))
            .service(web::resource("/resource").app_data(resource.clone()).route(web::post().to(endpoint)))
            .service(web::scope("/none").service(in_scope).service(in_resource));
    });
    let rows = [
        ("/orders", "X-Outer"),
        ("/inner/orders", "X-Inner"),
        ("/resource", "X-Resource"),
        ("/none/orders", "X-Outer"),
    ];
    for (path, own) in rows {
        for (_, name) in rows {
            let reply = server.post(path, &[&format!("{name}: k")], b"");
            let expected = if name == own { "" } else { "key_missing" };
            assert_eq!(reply.code(), expected, "{path} {name}");
        }
    }
}

#[test]
fn settings_are_taken_from_web_data_as_well() {
    let named = |name: &str| web::Data::new(fresh().header_name(name).build().unwrap());
    let (outer, inner) = (named("X-Key"), named("X-Inner"));
    let server = crate::fixture::serve_bare(move |app| {
        app.app_data(outer.clone())
            .configure(routes)
            .service(web::scope("/inner").app_data(inner.clone()).service(in_scope));
    });
    assert_eq!(server.post("/inner/orders", &["X-Key: k"], b"").code(), "key_missing");
    assert_eq!(server.post("/inner/orders", &["X-Inner: k"], b"").status, 201);
    assert_eq!(server.post("/endpoint/1", &[KEY], b"").code(), "key_missing");
    assert_eq!(is(&server.post("/endpoint/1", &["X-Key: k"], b"")), New);
    assert_eq!(is(&server.post("/endpoint/1", &["X-Key: k"], b"")), Replayed);
}

#[test]
fn no_log_line_holds_a_key_a_principal_or_a_body() {
    log::listen();
    let secrets = ["key-d41d8cd98f", "token-00b204e980", "body-0998ecf842", "account-7e"];
    let key = format!("Idempotency-Key: {}", secrets[0]);
    let token = format!("Authorization: Bearer {}", secrets[1]);
    let account = format!("X-Account: {}", secrets[3]);
    let body = secrets[2].as_bytes();
    let failing = Idempotency::builder()
        .store(Scripted::saying(|| Err(StoreError::unavailable("scripted", "the store's own words"))))
        .build()
        .unwrap();
    for idempotency in [fresh().build().unwrap(), by_account(), failing] {
        let server = start(&idempotency);
        for path in ["/endpoint/1", "/resource/1", "/global/1", "/group/1", "/canonical", "/panics"] {
            for body in [body, body, b"other"] {
                server.post(path, &[&key, &token, &account], body);
            }
        }
        let bad = format!("Idempotency-Key: {} {}", secrets[0], secrets[0]);
        server.post("/endpoint/1", &[&bad, &token], body);
    }
    let lines = log::lines();
    // It did listen: these are lines of ours.
    for told in ["the handler panicked", "the store's own words"] {
        assert!(lines.iter().any(|line| line.contains(told)), "{told}");
    }
    for secret in secrets {
        let line = lines.iter().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
