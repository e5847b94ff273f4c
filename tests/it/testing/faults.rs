//! Endpoints whose idempotency is broken, each in its own way, and what is said of it.

use std::{
    collections::HashSet,
    net::TcpListener,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use actix_web::{
    App, Error, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::{Next, from_fn},
    web,
};
use idempotent_runtime::{
    Idempotency, idempotent,
    testing::{Fault, Faults, Server, UnreliableStore, serve},
};
use idempotent_tests::fresh;

use super::{Effects, order};

/// The faults of the endpoint at `path`, in an application that is made for each worker. `between`
/// is called whenever effects are counted.
async fn faults<T>(
    path: &str,
    app: impl Fn() -> App<T> + Clone + Send + 'static,
    between: impl Fn(),
) -> Faults
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()>,
    T: 'static,
{
    let effects = Effects::default();
    let data = effects.clone();
    let server = serve(move || app().configure(|app| data.register(app)).configure(routes));
    let count = async || {
        between();
        effects.count()
    };
    server.post(path).json(&order()).faults(count).await
}

fn one_for_all() -> Idempotency {
    fresh().build().unwrap()
}

fn nothing_between() {}

/// The one fault that there is, as text.
#[track_caller]
fn the_only(faults: &Faults) -> (&Fault, String) {
    let mut found = faults.iter();
    let (Some(fault), None) = (found.next(), found.next()) else { panic!("{faults}") };
    (fault, faults.to_string())
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/right", web::post().to(right))
        .route("/bare", web::post().to(bare))
        .route("/optional", web::post().to(optional))
        .route("/by-hand", web::post().to(by_hand))
        .route("/any-body", web::post().to(any_body))
        .route("/fails", web::post().to(fails))
        .route("/later", web::post().to(later));
}

#[idempotent]
async fn right(effects: web::Data<Effects>) -> HttpResponse {
    effects.happen().await
}

async fn bare(effects: web::Data<Effects>) -> HttpResponse {
    effects.happen().await
}

#[idempotent(required = false)]
async fn optional(effects: web::Data<Effects>) -> HttpResponse {
    effects.happen().await
}

/// Looks first and writes down later, as it is often written by hand.
async fn by_hand(
    request: HttpRequest,
    effects: web::Data<Effects>,
    known: web::Data<Mutex<HashSet<HeaderValue>>>,
) -> HttpResponse {
    let Some(key) = request.headers().get("idempotency-key") else {
        return HttpResponse::BadRequest().finish();
    };
    if known.lock().unwrap().contains(key) {
        return HttpResponse::Created().insert_header(("Idempotent-Replayed", "true")).finish();
    }
    let answer = effects.happen().await;
    known.lock().unwrap().insert(key.clone());
    answer
}

fn nothing(_: &HttpRequest, _: &[u8]) -> Vec<u8> {
    Vec::new()
}

#[idempotent(fingerprint = "nothing")]
async fn any_body(effects: web::Data<Effects>) -> HttpResponse {
    effects.happen().await
}

#[idempotent(replay = "final")]
async fn fails(effects: web::Data<Effects>) -> HttpResponse {
    effects.happen().await;
    HttpResponse::InternalServerError().body("the printer is out of paper")
}

/// Handler whose effect somebody else has, some time later.
#[idempotent]
async fn later() -> HttpResponse {
    HttpResponse::Accepted().finish()
}

#[actix_web::test]
async fn a_handler_without_the_attribute_is_found() {
    let faults = faults("/bare", App::new, nothing_between).await;
    let (fault, text) = the_only(&faults);
    assert!(matches!(fault, Fault::Unprotected { effects: 16, .. }), "{text}");
    assert!(text.starts_with("POST /bare is not idempotent:\n- nothing protects it"), "{text}");
    assert!(text.contains("Is `#[idempotent]` on this handler?"), "{text}");
}

#[actix_web::test]
async fn a_key_that_may_be_missing_is_found() {
    let idempotency = one_for_all();
    let faults = faults("/optional", move || App::new().app_data(idempotency.clone()), nothing_between).await;
    let (fault, text) = the_only(&faults);
    assert!(matches!(fault, Fault::KeyNotRequired { effects: 1, .. }), "{text}");
    assert!(
        text.contains("and is answered 201 `{\"number\":1}` with 1. Is there a `required = false`?"),
        "{text}"
    );
}

#[actix_web::test]
async fn a_store_that_workers_do_not_share_is_found() {
    let app = || App::new().app_data(one_for_all());
    let faults = faults("/right", app, nothing_between).await;
    let text = faults.to_string();
    assert!(matches!(faults.iter().next(), Some(Fault::RanTwice { requests: 16, effects: 2..=4 })), "{text}");
    assert!(text.contains("it runs more than once: 16 simultaneous requests with one key had "), "{text}");
    assert!(text.contains("made outside of the closure that makes the `App`"), "{text}");
}

#[actix_web::test]
async fn a_key_that_is_looked_up_first_and_written_down_later_is_found() {
    let known = web::Data::new(Mutex::<HashSet<HeaderValue>>::default());
    let faults = faults("/by-hand", move || App::new().app_data(known.clone()), nothing_between).await;
    let text = faults.to_string();
    assert!(matches!(faults.iter().next(), Some(Fault::RanTwice { effects: 2.., .. })), "{text}");
    assert!(text.contains("Is a key looked up first and written down later?"), "{text}");
}

#[actix_web::test]
async fn another_body_that_is_accepted_is_found() {
    let idempotency = one_for_all();
    let faults = faults("/any-body", move || App::new().app_data(idempotency.clone()), nothing_between).await;
    let (fault, text) = the_only(&faults);
    assert!(matches!(fault, Fault::OtherBodyAccepted { reply, effects: 0 } if reply.is_replay()), "{text}");
    assert!(
        text.contains(
            "is answered 201 (a replay) `{\"number\":1}` with 0. Does the `fingerprint` look at what differs?"
        ),
        "{text}"
    );
}

#[actix_web::test]
async fn a_store_that_forgets_is_found() {
    let store = UnreliableStore::default();
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let app = move || App::new().app_data(idempotency.clone());
    let faults = faults("/right", app, || store.forget()).await;
    let (fault, text) = the_only(&faults);
    assert!(matches!(fault, Fault::Forgotten(_)), "{text}");
    assert!(text.contains("it forgets: the same request, sent again with its key"), "{text}");
}

#[actix_web::test]
async fn an_answer_that_is_not_stored_is_found() {
    let idempotency = one_for_all();
    let faults = faults("/fails", move || App::new().app_data(idempotency.clone()), nothing_between).await;
    let text = faults.to_string();
    assert!(matches!(faults.iter().next(), Some(Fault::RanTwice { effects: 16, .. })), "{text}");
    assert!(
        text.contains("500 `the printer is out of paper`, ran again. Is that answer one that `replay`"),
        "{text}"
    );
}

/// Middleware that sets a header anew on each response.
async fn stamp(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    let mut response = next.call(request).await?.map_into_boxed_body();
    response.headers_mut().insert(HeaderName::from_static("x-stamp"), HeaderValue::from(serial()));
    Ok(response)
}

fn serial() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, SeqCst)
}

#[actix_web::test]
async fn a_replay_with_another_header_is_found_and_may_be_meant() {
    let (idempotency, effects) = (one_for_all(), Effects::default());
    let data = effects.clone();
    let server = serve(move || {
        let app = App::new().app_data(idempotency.clone()).wrap(from_fn(stamp));
        app.configure(|app| data.register(app)).configure(routes)
    });
    let request = server.post("/right").json(&order());
    let faults = request.faults(async || effects.count()).await;
    let text = faults.to_string();
    let is_stamp = |fault: &Fault| matches!(fault, Fault::Differs { what, .. } if what == "header `x-stamp`");
    assert!(!faults.is_empty() && faults.iter().all(is_stamp), "{text}");
    assert!(text.contains("a replay has another header `x-stamp` than the first response"), "{text}");
    request.ignore_header("X-Stamp").assert_once(async || effects.count()).await;
}

/// Middleware that writes another body.
async fn rewrite(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    let response = next.call(request).await?;
    let is_refusal = response.status().is_client_error();
    Ok(response.map_body(|_, body| match is_refusal {
        true => body.boxed(),
        false => serial().to_string().boxed(),
    }))
}

#[actix_web::test]
async fn a_replay_with_another_body_is_found() {
    let idempotency = one_for_all();
    let app = move || App::new().app_data(idempotency.clone()).wrap(from_fn(rewrite));
    let faults = faults("/right", app, nothing_between).await;
    let text = faults.to_string();
    assert!(matches!(faults.iter().next(), Some(Fault::Differs { what, .. }) if what == "body"), "{text}");
    assert!(text.contains("a replay has another body than the first response: \""), "{text}");
}

/// Middleware that takes all keys for one.
async fn same_key(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    if let Some(key) = request.headers_mut().get_mut("idempotency-key") {
        *key = HeaderValue::from_static("a-session-and-not-a-request");
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

#[actix_web::test]
async fn keys_that_are_taken_for_one_are_found() {
    let idempotency = one_for_all();
    let app = move || App::new().app_data(idempotency.clone()).wrap(from_fn(same_key));
    let faults = faults("/right", app, nothing_between).await;
    let (fault, text) = the_only(&faults);
    assert!(matches!(fault, Fault::KeysMixed { effects: 0, .. }), "{text}");
    assert!(text.contains("keys are not told apart"), "{text}");
}

#[actix_web::test]
async fn a_request_that_does_nothing_proves_nothing() {
    let faults = faults("/nowhere", App::new, nothing_between).await;
    let (fault, text) = the_only(&faults);
    assert!(matches!(fault, Fault::NoEffect(reply) if reply.status == 404), "{text}");
    assert!(text.contains("it has no effect, and is answered 404 ``"), "{text}");
}

#[actix_web::test]
async fn an_effect_that_comes_after_the_answer_is_not_seen() {
    let faults = faults("/later", App::new, nothing_between).await;
    let (fault, text) = the_only(&faults);
    assert!(matches!(fault, Fault::NoEffect(reply) if reply.status == 202), "{text}");
    assert!(text.contains("If its effect comes after its answer, let the count wait for it"), "{text}");
}

#[actix_web::test]
async fn a_server_that_is_not_there_is_found() {
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let faults = Server::at(address).post("/right").faults(async || 0).await;
    let (fault, text) = the_only(&faults);
    assert!(matches!(fault, Fault::NoAnswer(_)), "{text}");
}

#[actix_web::test]
#[should_panic(expected = "POST /bare is not idempotent:\n- nothing protects it")]
async fn what_is_found_fails_the_test() {
    let effects = Effects::default();
    let data = effects.clone();
    let server = serve(move || App::new().configure(|app| data.register(app)).configure(routes));
    server.post("/bare").concurrency(3).assert_once(async || effects.count()).await;
}
