//! The attribute beside every way to register a handler. It does nothing that could not be written
//! by hand.

use std::{future::Future, sync::atomic::Ordering::SeqCst};

use actix_web::{HttpRequest, HttpResponse, Responder, post, route, routes, web};
use idempotent_runtime::{
    __private::{Abandoned, Duration, Fingerprint, KeySource, Policy, PrincipalSource, Replay, Scope, run},
    idempotent,
};
use idempotent_tests::fresh;

use crate::fixture::{Effects, Served, assert_replayed, serve};

#[post("/above")]
#[idempotent]
async fn route_above(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    body
}

#[idempotent]
#[post("/below")]
async fn route_below(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    body
}

#[routes]
#[post("/first")]
#[put("/second")]
#[idempotent]
async fn many_routes(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    body
}

#[route("/either", method = "POST", method = "GET")]
#[idempotent]
async fn one_route_with_methods(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    body
}

#[idempotent]
async fn registered(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    body
}

trait Repo: 'static {
    fn save(&self, order: &str) -> impl Future<Output = String>;
}

struct Shop;
struct Depot;

impl Repo for Shop {
    async fn save(&self, order: &str) -> String {
        format!("shop: {order}")
    }
}

impl Repo for Depot {
    async fn save(&self, order: &str) -> String {
        actix_web::rt::task::yield_now().await;
        format!("depot: {order}")
    }
}

#[idempotent]
async fn create<R: Repo>(repo: web::Data<R>, order: String, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    repo.save(&order).await
}

#[idempotent]
async fn sized<R, const N: usize>(repo: web::Data<R>, order: String, effects: Effects) -> HttpResponse
where
    R: Repo,
{
    effects.fetch_add(N, SeqCst);
    HttpResponse::Ok().body(repo.save(&order).await)
}

/// Expansion of the attribute on `registered`, written out.
#[post("/by-hand")]
async fn by_hand(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    static POLICY: Policy = Policy {
        handler: "by_hand",
        ttl: Some(Duration::from_secs(24 * 60 * 60)),
        scope: Scope::Endpoint,
        required: Some(true),
        wait: None,
        replay: Some(Replay::All),
        fingerprint: Fingerprint::Raw,
        principal: PrincipalSource::Application,
        key: KeySource::Application,
        abandoned: Some(Abandoned::Refuse),
        transaction: false,
        headers: &["x-api-version"],
        not_stored: &[],
    };
    async fn handler(body: web::Bytes, effects: Effects) -> impl Responder {
        effects.fetch_add(1, SeqCst);
        body
    }
    run(&POLICY, request, payload, handler).await
}

fn start() -> Served {
    serve(&fresh().build().unwrap(), |app| {
        app.app_data(web::Data::new(Shop))
            .app_data(web::Data::new(Depot))
            .service(route_above)
            .service(route_below)
            .service(many_routes)
            .service(one_route_with_methods)
            .service(by_hand)
            .service(web::resource("/resource").route(web::post().to(registered)))
            .route("/registered", web::post().to(registered))
            .route("/shop", web::post().to(create::<Shop>))
            .route("/depot", web::post().to(create::<Depot>))
            .route("/sized", web::post().to(sized::<Depot, 1>))
            .default_service(web::post().to(registered));
    })
}

#[test]
fn every_way_to_register_a_handler_is_protected() {
    let server = start();
    let rows = [
        ("/above", "order"),
        ("/below", "order"),
        ("/first", "order"),
        ("/either", "order"),
        ("/resource", "order"),
        ("/registered", "order"),
        ("/shop", "shop: order"),
        ("/depot", "depot: order"),
        ("/sized", "depot: order"),
        ("/by-hand", "order"),
        ("/no/such/route", "order"),
    ];
    for (path, answer) in rows {
        let before = server.effects();
        let missing = server.post(path, &[], b"order");
        assert_eq!((missing.status, missing.code().as_str()), (400, "key_missing"), "{path}");
        let [first, again] = [(); 2].map(|()| server.post(path, &["Idempotency-Key: k"], b"order"));
        assert_eq!((first.status, first.text()), (200, answer), "{path}");
        assert_replayed(&first, &again);
        assert_eq!(server.post(path, &["Idempotency-Key: k"], b"other").code(), "key_reused", "{path}");
        assert_eq!(server.effects() - before, 1, "{path}");
    }
}

#[test]
fn each_of_several_routes_has_keys_of_its_own() {
    let server = start();
    let put = |body: &str| {
        let length = body.len();
        server.send(
            format!("PUT /second HTTP/1.1\r\nHost: t\r\nIdempotency-Key: k\r\nContent-Length: {length}\r\n\r\n{body}")
                .as_bytes(),
        )
    };
    assert!(!server.post("/first", &["Idempotency-Key: k"], b"1").is_replay());
    assert!(!put("2").is_replay());
    assert!(put("2").is_replay());
    assert_eq!(server.effects(), 2);
}

#[test]
fn a_safe_method_of_a_shared_route_passes_through() {
    let server = start();
    for effects in 1..=2 {
        let reply = server.send(b"GET /either HTTP/1.1\r\nHost: t\r\nIdempotency-Key: k\r\n\r\n");
        assert_eq!((reply.status, reply.is_replay(), server.effects()), (200, false, effects));
    }
}

#[test]
fn what_the_attribute_generates_can_be_written_by_hand() {
    let server = start();
    // The same requests, in the same order, have the same answers.
    let requests: [(&[&str], &[u8]); 7] = [
        (&[], b"1"),
        (&["Idempotency-Key: a b"], b"1"),
        (&["Idempotency-Key: a"], b"1"),
        (&["Idempotency-Key: a"], b"1"),
        (&["Idempotency-Key: \"a\""], b"1"),
        (&["Idempotency-Key: a"], b"2"),
        (&["Idempotency-Key: b"], b"2"),
    ];
    for (headers, body) in requests {
        let [generated, written] = ["/above", "/by-hand"].map(|path| server.post(path, headers, body));
        assert_eq!(generated.status, written.status);
        assert_eq!(generated.code(), written.code());
        assert_eq!(generated.is_replay(), written.is_replay());
        assert!(!generated.code().is_empty() || generated.body == written.body);
    }
    assert_eq!(server.effects(), 4);
}
