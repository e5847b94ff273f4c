//! Callers without a principal, who are told apart by their credentials: nobody gets another one's
//! answer.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use idempotent_runtime::{BuildError, Credential, Idempotency, IdempotencyBuilder, Principal, idempotent};
use idempotent_tests::fresh;

use crate::{
    fixture::{
        Effects,
        Is::{self, Replayed, Reused},
        Served, is, serve,
    },
    log,
};

#[idempotent]
async fn endpoint(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "group:pay", fingerprint = "canonical")]
async fn canonical(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(fingerprint = "constant")]
async fn by_function(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

fn constant(_: &HttpRequest, _: &[u8]) -> Vec<u8> {
    Vec::new()
}

const PATHS: [&str; 3] = ["/endpoint", "/canonical", "/by-function"];

fn start(set: impl Fn(IdempotencyBuilder) -> IdempotencyBuilder) -> Served {
    serve(&set(fresh()).build().unwrap(), |app| {
        app.route("/endpoint", web::post().to(endpoint))
            .route("/canonical", web::post().to(canonical))
            .route("/by-function", web::post().to(by_function));
    })
}

const KEY: &str = "Idempotency-Key: k";

/// Headers of a request, those of a second one that is the same but for them, and what that one is.
type Row = (&'static [&'static str], &'static [&'static str], Is);

fn assert_rows(set: impl Fn(IdempotencyBuilder) -> IdempotencyBuilder, rows: &[Row]) {
    for path in PATHS {
        for (one, other, expected) in rows {
            for (first, second) in [(one, other), (other, one)] {
                let server = start(&set);
                let send = |headers: &[&str]| server.post(path, &[&[KEY], headers].concat(), b"body");
                let made = send(first);
                assert_eq!((made.status, made.is_replay()), (201, false), "{made:?}");
                assert_eq!(is(&send(second)), *expected, "{path}: {first:?} {second:?}");
                assert_eq!(server.effects(), 1);
            }
        }
    }
}

#[test]
fn callers_are_told_apart_by_authorization_cookies_and_api_keys() {
    assert_rows(
        |builder| builder,
        &[
            (&["Authorization: Bearer alice"], &["authorization: Bearer alice"], Replayed),
            (&["Authorization: Bearer alice"], &["Authorization: Bearer bob"], Reused),
            (&["Authorization: Bearer alice"], &[], Reused),
            (&["Authorization: Bearer alice"], &["Authorization:"], Reused),
            (&["Authorization:"], &[], Reused),
            (&["Cookie: session=alice"], &["Cookie: session=alice"], Replayed),
            (&["Cookie: session=alice"], &["Cookie: session=bob"], Reused),
            (&["Cookie: session=alice"], &[], Reused),
            (&["X-Api-Key: alice"], &["x-api-key: alice"], Replayed),
            (&["X-Api-Key: alice"], &["X-Api-Key: bob"], Reused),
            (&["X-Api-Key: alice"], &[], Reused),
            (&["X-Api-Key: alice"], &["Authorization: alice"], Reused),
            (&["X-Api-Key: alice"], &["Cookie: alice"], Reused),
            (&["X-Other: alice"], &["X-Other: bob"], Replayed),
        ],
    );
}

#[test]
fn every_line_of_a_credential_counts() {
    assert_rows(
        |builder| builder,
        &[
            (
                &["Authorization: Bearer a", "Authorization: Bearer alice"],
                &["Authorization: Bearer a", "Authorization: Bearer bob"],
                Reused,
            ),
            (
                &["Authorization: Bearer a", "Authorization: Bearer alice"],
                &["Authorization: Bearer a"],
                Reused,
            ),
            (&["X-Api-Key: a", "X-Api-Key: alice"], &["X-Api-Key: a", "X-Api-Key: bob"], Reused),
            (&["X-Api-Key: a", "X-Api-Key: b"], &["X-Api-Key: b", "X-Api-Key: a"], Reused),
            (&["Cookie: a=1", "Cookie: s=alice"], &["Cookie: a=1", "Cookie: s=bob"], Reused),
            (&["X-Api-Key: a", "Authorization: b"], &["X-Api-Key: b", "Authorization: a"], Reused),
        ],
    );
}

/// HTTP/2 sends each cookie in a line of its own where that saves bytes (RFC 9113, section 8.2.3).
#[test]
fn cookies_are_the_same_in_one_line_and_in_many() {
    assert_rows(
        |builder| builder,
        &[
            (&["Cookie: a=1; s=alice"], &["Cookie: a=1", "Cookie: s=alice"], Replayed),
            (&["Cookie: a=1; s=alice"], &["Cookie: a=1;s=alice;"], Replayed),
            (&["Cookie: a=1; s=alice"], &["Cookie: s=alice; a=1"], Reused),
            (&["Cookie: a=1; s=alice"], &["Cookie: a=1s=alice"], Reused),
        ],
    );
}

#[test]
fn an_application_names_its_credentials() {
    assert_rows(
        |builder| builder.credentials([Credential::header("X-Tenant"), Credential::cookie("id")]),
        &[
            (&["X-Tenant: a"], &["x-tenant: a"], Replayed),
            (&["X-Tenant: a"], &["X-Tenant: b"], Reused),
            (&["X-Tenant: a"], &[], Reused),
            (&["Cookie: id=alice; seen=1"], &["Cookie: seen=2; id=alice; more"], Replayed),
            (&["Cookie: id=alice; seen=1"], &["Cookie: id=bob; seen=1"], Reused),
            (&["Cookie: id=alice"], &["Cookie: ID=alice"], Reused),
            (&["Cookie: id=alice"], &["Cookie: seen=1"], Reused),
            (&["Cookie: id=alice"], &["Cookie: xid=alice"], Reused),
            (&["Cookie: id=alice"], &["Cookie: %69d=alice"], Replayed),
            (&["Cookie: id=alice"], &["Cookie: id = alice"], Replayed),
            // actix takes white space of every kind, and quotes, from around a name and a value.
            (&["Cookie: \u{a0}id=alice"], &["Cookie: \u{a0}id=bob"], Reused),
            (&["Cookie: id\u{2003}=alice"], &["Cookie: id\u{2003}=bob"], Reused),
            (&["Cookie: id=alice"], &["Cookie: \u{a0}id\u{2003}=\u{85}alice\u{3000}"], Replayed),
            (&["Cookie: id=alice"], &["Cookie: id=\" alice \""], Replayed),
            (&["Cookie: id=\""], &["Cookie: id="], Reused),
            (&["Cookie: id=\"\"alice\"\""], &["Cookie: id=\"alice\""], Reused),
            (&["Cookie: id=a; id=alice"], &["Cookie: id=a; id=bob"], Reused),
            (&["Cookie: id=a; id=b"], &["Cookie: id=a", "Cookie: id=b"], Replayed),
            (&["Cookie: id"], &["Cookie: id="], Reused),
            (&["Cookie: id=alice"], &["X-Tenant: alice"], Reused),
            (&["Authorization: Bearer alice"], &["Authorization: Bearer bob"], Replayed),
            (&["X-Api-Key: alice"], &[], Replayed),
        ],
    );
}

#[test]
fn the_order_in_which_credentials_are_named_does_not_count() {
    let store = idempotent_runtime::MemoryStore::new();
    let named = |credentials: Vec<Credential>| {
        let store = store.clone();
        start(move |builder| builder.store(store.clone()).credentials(credentials.clone()))
    };
    let (header, cookie) = (Credential::header("X-Tenant"), Credential::cookie("id"));
    let one = named(vec![header.clone(), cookie.clone()]);
    let other = named(vec![cookie.clone(), header.clone(), Credential::header("x-tenant"), cookie]);
    let headers = [KEY, "X-Tenant: a", "Cookie: id=1"];
    assert!(!one.post("/endpoint", &headers, b"body").is_replay());
    assert_eq!(is(&other.post("/endpoint", &headers, b"body")), Replayed);
}

#[test]
fn an_empty_list_of_credentials_tells_nobody_apart() {
    assert_rows(
        |builder| builder.credentials([]),
        &[(&["Authorization: Bearer alice", "Cookie: id=1"], &["X-Api-Key: bob"], Replayed)],
    );
}

#[test]
fn a_credential_that_no_request_can_have_is_an_error_that_names_it() {
    let built = |credential| Idempotency::builder().credentials([credential]).build().unwrap_err();
    for (credential, named) in [
        (Credential::header("no header"), "no header"),
        (Credential::header(""), ""),
        (Credential::cookie(""), ""),
    ] {
        let error = built(credential);
        assert_eq!(error, BuildError::Credential(named.to_owned()));
        assert!(error.to_string().contains("`credentials`"), "{error}");
    }
}

#[test]
fn a_reused_key_says_that_other_credentials_may_be_the_reason() {
    let detail = |server: &Served| {
        assert_eq!(server.post("/endpoint", &[KEY, "Cookie: id=alice"], b"body").status, 201);
        let reply = server.post("/endpoint", &[KEY, "Cookie: id=bob"], b"other");
        assert_eq!(is(&reply), Reused);
        reply.json()["detail"].as_str().unwrap().to_owned()
    };
    let usual = "other credentials (cookies, authorization, x-api-key)";
    assert!(detail(&start(|builder| builder)).contains(usual));
    let chosen = [Credential::header("X-Tenant"), Credential::cookie("id")];
    let detail_of_chosen = detail(&start(move |builder| builder.credentials(chosen.clone())));
    assert!(detail_of_chosen.contains("(the cookie id, x-tenant)"), "{detail_of_chosen}");
    assert!(!detail(&start(|builder| builder.credentials([]))).contains("credentials"));
    let named = start(|builder| builder.principal(|_| Ok(Principal::anonymous())));
    assert!(!detail(&named).contains("credentials"));
}

#[idempotent]
async fn by_cookie(body: web::Bytes) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[idempotent]
async fn by_cookie_too(body: web::Bytes) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[idempotent]
async fn by_a_chosen_cookie(body: web::Bytes) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[idempotent]
async fn by_a_principal(body: web::Bytes) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[idempotent]
async fn by_a_token(body: web::Bytes) -> HttpResponse {
    HttpResponse::Created().body(body)
}

#[test]
fn an_endpoint_whose_callers_a_cookie_tells_apart_is_warned_of_once() {
    log::listen();
    let plain = fresh().build().unwrap();
    let chosen = fresh().credentials([Credential::cookie("id")]).build().unwrap();
    let named = fresh().principal(|_| Ok(Principal::anonymous())).build().unwrap();
    for _ in 0..2 {
        let (chosen, named) = (chosen.clone(), named.clone());
        let server = serve(&plain, move |app| {
            app.route("/cookie", web::post().to(by_cookie))
                .route("/cookie-too", web::post().to(by_cookie_too))
                .route("/token", web::post().to(by_a_token))
                .service(
                    web::resource("/chosen")
                        .app_data(chosen.clone())
                        .route(web::post().to(by_a_chosen_cookie)),
                )
                .service(
                    web::resource("/named").app_data(named.clone()).route(web::post().to(by_a_principal)),
                );
        });
        for path in ["/cookie", "/cookie-too", "/chosen", "/named"] {
            for cookie in ["Cookie: id=alice", "Cookie: id=bob"] {
                server.post(path, &[KEY, cookie], b"body");
            }
        }
        server.post("/token", &[KEY, "Authorization: Bearer alice"], b"body");
    }
    let lines = log::lines();
    let warnings = |handler: &str| -> Vec<_> {
        let about = format!("handler=\"it::callers::{handler}\"");
        lines.iter().filter(|line| line.contains("WARN") && line.contains(&about)).collect()
    };
    let handlers = ["by_cookie", "by_cookie_too", "by_a_chosen_cookie", "by_a_principal", "by_a_token"];
    assert_eq!(handlers.map(|handler| warnings(handler).len()), [1, 1, 0, 0, 0]);
    let warned = warnings("by_cookie")[0];
    assert!(warned.contains("principal_from") && warned.contains("`credentials`"), "{warned}");
}
