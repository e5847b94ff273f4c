//! Principals, by functions with extractors: the application's, or the endpoint's own.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse, Responder,
    dev::Payload,
    error::{ErrorForbidden, ErrorUnauthorized},
    rt::task::yield_now,
    web,
};
use futures_util::future::{Ready, ready};
use idempotent_runtime::{Idempotency, Principal, idempotent};
use idempotent_tests::{Reply, fresh};

use crate::fixture::{Effects, Served, assert_replayed, serve};

/// User who is logged in, by a header that stands for a session.
struct User(String);

impl FromRequest for User {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let user = request.headers().get("x-user").and_then(|user| user.to_str().ok());
        ready(user.map(|user| User(user.to_owned())).ok_or_else(|| ErrorUnauthorized("log in first")))
    }
}

#[idempotent]
async fn endpoint(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(required = false)]
async fn optional(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(principal = "by_tenant")]
async fn of_a_tenant(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

/// Tenants are told apart by host, and their users by name.
async fn by_tenant(request: HttpRequest, user: User) -> Result<Principal, Error> {
    yield_now().await;
    let host = request.headers().get("host").map(|host| host.as_bytes());
    Ok(Principal::new(serde_json::to_vec(&(host, user.0))?))
}

#[idempotent(principal = "anybody")]
async fn of_anybody(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

async fn anybody() -> Result<Principal, Error> {
    Ok(Principal::anonymous())
}

/// A handler that authenticates by an extractor of its own.
#[idempotent]
async fn with_a_user(user: User, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(user.0)
}

fn start(idempotency: &Idempotency) -> Served {
    serve(idempotency, |app| {
        app.route("/endpoint", web::post().to(endpoint))
            .route("/optional", web::post().to(optional))
            .route("/tenant", web::post().to(of_a_tenant))
            .route("/anybody", web::post().to(of_anybody))
            .route("/with-a-user", web::post().to(with_a_user));
    })
}

const KEY: &str = "Idempotency-Key: k";
const ALICE: &str = "X-User: alice";
const BOB: &str = "X-User: bob";

fn by_user() -> Idempotency {
    fresh().principal_from(async |user: User| Ok(Principal::new(user.0))).build().unwrap()
}

fn is_new(reply: &Reply) -> bool {
    assert_eq!((reply.status, &*reply.code()), (201, ""), "{reply:?}");
    !reply.is_replay()
}

#[test]
fn a_principal_from_extractors_gives_every_caller_keys_of_its_own() {
    let server = start(&by_user());
    for user in [ALICE, BOB] {
        let first = server.post("/endpoint", &[KEY, user], b"body");
        assert!(is_new(&first));
        assert_replayed(&first, &server.post("/endpoint", &[KEY, user, "Cookie: seen=1"], b"body"));
    }
    assert_eq!(server.effects(), 2);
}

/// A stand-in for a database, which has to be asked.
#[derive(Default)]
struct Accounts {
    asked: AtomicUsize,
    closed: AtomicBool,
}

impl Accounts {
    async fn find(&self, user: &str) -> Result<Principal, Error> {
        self.asked.fetch_add(1, SeqCst);
        yield_now().await;
        if self.closed.load(SeqCst) {
            return Err(ErrorForbidden("the account is closed"));
        }
        Ok(Principal::new(user))
    }
}

fn by_account(accounts: &Arc<Accounts>) -> Idempotency {
    let accounts = Arc::clone(accounts);
    fresh().principal_from(async move |user: User| accounts.find(&user.0).await).build().unwrap()
}

#[test]
fn a_principal_captures_what_it_asks_and_is_asked_before_every_replay() {
    let accounts = Arc::new(Accounts::default());
    let server = start(&by_account(&accounts));
    let send = || server.post("/endpoint", &[KEY, ALICE], b"body");
    let first = send();
    assert!(is_new(&first));
    assert_replayed(&first, &send());
    assert_eq!(accounts.asked.load(SeqCst), 2);
    accounts.closed.store(true, SeqCst);
    let refused = send();
    assert_eq!((refused.status, refused.text()), (403, "the account is closed"));
    accounts.closed.store(false, SeqCst);
    assert_replayed(&first, &send());
    assert_eq!((accounts.asked.load(SeqCst), server.effects()), (4, 1));
}

#[test]
fn what_an_extractor_of_a_principal_says_is_the_response() {
    let server = start(&by_user());
    for _ in 0..2 {
        let reply = server.post("/endpoint", &[KEY], b"body");
        assert_eq!((reply.status, reply.text()), (401, "log in first"));
    }
    assert_eq!(server.effects(), 0);
    assert!(is_new(&server.post("/endpoint", &[KEY, ALICE], b"body")));
}

#[test]
fn a_closure_that_gives_a_future_of_its_own_is_a_principal_too() {
    let accounts = Arc::new(Accounts::default());
    let asked = Arc::clone(&accounts);
    let by_future = move |user: User, request: HttpRequest| {
        let accounts = Arc::clone(&asked);
        async move { if request.path() == "/" { accounts.find("").await } else { accounts.find(&user.0).await } }
    };
    let server = start(&fresh().principal_from(by_future).build().unwrap());
    assert!(is_new(&server.post("/endpoint", &[KEY, ALICE], b"body")));
    assert!(is_new(&server.post("/endpoint", &[KEY, BOB], b"body")));
    assert_eq!(accounts.asked.load(SeqCst), 2);
}

#[test]
fn the_order_is_key_then_principal_then_body() {
    let accounts = Arc::new(Accounts::default());
    let idempotency = by_account(&accounts);
    let server = start(&idempotency);
    let long = vec![b'x'; (1 << 20) + 1];
    let missing = server.post("/endpoint", &[], b"body");
    assert_eq!((missing.status, &*missing.code()), (400, "key_missing"));
    let invalid = server.post("/endpoint", &["Idempotency-Key: a b"], &long);
    assert_eq!((invalid.status, &*invalid.code()), (400, "key_invalid"));
    assert_eq!(accounts.asked.load(SeqCst), 0);
    let announced =
        format!("POST /endpoint HTTP/1.1\r\nHost: test\r\n{KEY}\r\nContent-Length: 2000000\r\n\r\n");
    let unknown = server.send(announced.as_bytes());
    assert_eq!((unknown.status, unknown.text()), (401, "log in first"));
    let too_long = server.post("/endpoint", &[KEY, ALICE], &long);
    assert_eq!((too_long.status, &*too_long.code()), (413, "body_too_large"));
    assert_eq!((accounts.asked.load(SeqCst), server.effects()), (1, 0));
}

#[test]
fn where_no_key_is_required_and_none_is_sent_nobody_is_asked_who_calls() {
    let accounts = Arc::new(Accounts::default());
    let server = start(&by_account(&accounts));
    assert!(is_new(&server.post("/optional", &[], b"body")));
    assert_eq!(accounts.asked.load(SeqCst), 0);
}

#[test]
fn the_extractors_of_a_principal_find_the_body_empty_and_the_handler_gets_it_whole() {
    let lengths = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&lengths);
    let by_body = async move |body: web::Bytes, text: String, mut payload: web::Payload| {
        seen.fetch_add(body.len() + text.len(), SeqCst);
        while let Some(chunk) = futures_util::StreamExt::next(&mut payload).await {
            seen.fetch_add(chunk?.len(), SeqCst);
        }
        Ok(Principal::anonymous())
    };
    let server = start(&fresh().principal_from(by_body).build().unwrap());
    let first = server.post("/endpoint", &[KEY], b"body");
    assert_eq!((is_new(&first), first.text()), (true, "body"));
    assert_replayed(&first, &server.post("/endpoint", &[KEY], b"body"));
    assert_eq!(lengths.load(SeqCst), 0);
}

#[test]
fn the_principal_of_an_endpoint_wins_over_the_applications() {
    let plain = fresh().build().unwrap();
    let sync = fresh().principal(|_| Err(ErrorForbidden("not asked"))).build().unwrap();
    let from = fresh().principal_from(async || Err(ErrorForbidden("not asked"))).build().unwrap();
    for idempotency in [plain, sync, from] {
        let server = start(&idempotency);
        for user in [ALICE, BOB] {
            let first = server.post("/tenant", &[KEY, user], b"body");
            assert!(is_new(&first));
            assert_replayed(&first, &server.post("/tenant", &[KEY, user], b"body"));
        }
        assert_eq!(server.post("/tenant", &[KEY], b"body").status, 401);
        assert!(is_new(&server.post("/anybody", &[KEY, ALICE], b"body")));
        assert!(!is_new(&server.post("/anybody", &[KEY, BOB, "Authorization: Bearer x"], b"body")));
        assert_eq!(server.effects(), 3);
    }
}

#[test]
fn the_principal_that_is_set_last_holds() {
    let by_user = async |user: User| Ok(Principal::new(user.0));
    let refuse = |_: &HttpRequest| Err(ErrorForbidden("not asked"));
    let last = fresh().principal(refuse).principal_from(by_user).build().unwrap();
    let first = fresh().principal_from(by_user).principal(refuse).build().unwrap();
    assert!(is_new(&start(&last).post("/endpoint", &[KEY, ALICE], b"body")));
    assert_eq!(start(&first).post("/endpoint", &[KEY, ALICE], b"body").status, 403);
}

#[test]
fn a_reused_key_does_not_speak_of_credentials_where_the_endpoint_names_its_callers() {
    let server = start(&fresh().build().unwrap());
    assert!(is_new(&server.post("/tenant", &[KEY, ALICE], b"body")));
    let reused = server.post("/tenant", &[KEY, ALICE], b"other");
    assert_eq!(reused.code(), "key_reused");
    assert!(!reused.text().contains("credentials"), "{}", reused.text());
}

/// A replay runs no handler, so none of the handler's extractors either. Who must not get it is
/// stopped by middleware, or by a principal.
#[test]
fn an_extractor_of_the_handler_does_not_guard_a_replay_and_a_principal_does() {
    let plain = start(&fresh().build().unwrap());
    assert!(is_new(&plain.post("/with-a-user", &[KEY, ALICE], b"")));
    assert_eq!(plain.post("/with-a-user", &["Idempotency-Key: other"], b"").status, 401);
    let replay = plain.post("/with-a-user", &[KEY], b"");
    assert_eq!((is_new(&replay), replay.text()), (false, "alice"));

    let guarded = start(&by_user());
    assert!(is_new(&guarded.post("/with-a-user", &[KEY, ALICE], b"")));
    assert_eq!(guarded.post("/with-a-user", &[KEY], b"").status, 401);
    let bobs = guarded.post("/with-a-user", &[KEY, BOB], b"");
    assert_eq!((is_new(&bobs), bobs.text()), (true, "bob"));
}
