//! Context that middleware puts around a request: it is around the handler too, before and after
//! its awaits.

use std::sync::Arc;

use actix_session::{Session, SessionMiddleware, storage::CookieSessionStore};
use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse, Responder,
    body::MessageBody,
    cookie::Key,
    dev::{Payload, ServiceRequest, ServiceResponse},
    get,
    middleware::{Next, from_fn},
    post, web,
};
use actix_web_flash_messages::{
    FlashMessage, FlashMessagesFramework, IncomingFlashMessages, storage::CookieMessageStore,
};
use futures_util::future::LocalBoxFuture;
use idempotent_runtime::{Idempotency, MemoryStore, SqliteStore, idempotent};
use idempotent_tests::{Http1, Reply, Scratch, TestServer, post};
use sentry_core::{Client, ClientOptions, Hub, test::TestTransport};
use tokio::task::yield_now;

use crate::gate::{keyed, within};

/// A store that answers at once, and one that is waited for.
async fn handles(scratch: &Scratch) -> [Idempotency; 2] {
    let file = scratch.file("keys.db");
    let on_disk = SqliteStore::open(&format!("sqlite:{}", file.display())).await.unwrap();
    let in_memory = Idempotency::builder().store(MemoryStore::new()).build().unwrap();
    [in_memory, Idempotency::builder().store(on_disk).build().unwrap()]
}

/// Holds `fact` of a server for each kind of store.
async fn on_each_store(fact: impl AsyncFn(Idempotency)) {
    let scratch = Scratch::new();
    for idempotency in handles(&scratch).await {
        fact(idempotency).await;
    }
}

async fn ask(server: &TestServer, request: &[u8]) -> Reply {
    within(Http1::once(server.address(), request)).await
}

fn get(path: &str, cookie: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n").into_bytes()
}

/// The cookie that a response sets, as a client sends it back.
fn cookie_of(reply: &Reply) -> String {
    let cookie = reply.header("set-cookie").unwrap_or_else(|| panic!("{reply:?} sets no cookie"));
    cookie.split(';').next().unwrap().to_owned()
}

fn secret() -> Key {
    Key::from(&[7; 64])
}

tokio::task_local! {
    static TENANT: &'static str;
}

fn tenant() -> &'static str {
    TENANT.try_with(|tenant| *tenant).unwrap_or("nobody")
}

async fn of_a_tenant(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    TENANT.scope("acme", next.call(request)).await
}

/// An extractor that looks before and after an await.
struct Tenants(String);

impl FromRequest for Tenants {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(async {
            let before = tenant();
            yield_now().await;
            Ok(Tenants(format!("{before} {}", tenant())))
        })
    }
}

#[post("/tenant")]
#[idempotent]
async fn of_tenant(Tenants(extracted): Tenants) -> impl Responder {
    let before = tenant();
    yield_now().await;
    HttpResponse::Created().body(format!("{extracted} {before} {}", tenant()))
}

#[tokio::test]
async fn a_task_local_that_a_middleware_has_set_is_there_in_extractors_and_handler() {
    on_each_store(async |idempotency| {
        let server = TestServer::start(1, move |app| {
            app.app_data(idempotency.clone())
                .service(web::scope("").wrap(from_fn(of_a_tenant)).service(of_tenant));
        });
        let first = ask(&server, &keyed("/tenant", "k", "")).await;
        assert_eq!((first.status, first.text()), (201, "acme acme acme acme"));
        assert!(ask(&server, &keyed("/tenant", "k", "")).await.is_replay());
    })
    .await;
}

#[post("/flash")]
#[idempotent]
async fn flashes() -> impl Responder {
    yield_now().await;
    FlashMessage::info("an order was made").send();
    HttpResponse::Created()
}

#[get("/flashes")]
async fn flashed(messages: IncomingFlashMessages) -> impl Responder {
    messages.iter().map(|message| message.content().to_owned()).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_flash_message_that_the_handler_sends_after_an_await_arrives() {
    on_each_store(async |idempotency| {
        let server = TestServer::start(1, move |app| {
            let messages = CookieMessageStore::builder(secret()).build();
            let messages = FlashMessagesFramework::builder(messages).build();
            app.app_data(idempotency.clone())
                .service(web::scope("").wrap(messages).service(flashes).service(flashed));
        });
        let first = ask(&server, &keyed("/flash", "k", "")).await;
        assert_eq!(first.status, 201, "{first:?}");
        let read = ask(&server, &get("/flashes", &cookie_of(&first))).await;
        assert_eq!(read.text(), "an order was made");
    })
    .await;
}

#[post("/cart")]
#[idempotent]
async fn fill(session: Session) -> Result<impl Responder, Error> {
    yield_now().await;
    session.insert("items", 3)?;
    Ok(HttpResponse::Created())
}

#[get("/cart")]
async fn cart(session: Session) -> Result<impl Responder, Error> {
    Ok(format!("{:?}", session.get::<u32>("items")?))
}

#[tokio::test]
async fn what_the_handler_puts_into_the_session_after_an_await_is_kept() {
    on_each_store(async |idempotency| {
        let server = TestServer::start(1, move |app| {
            let sessions =
                SessionMiddleware::builder(CookieSessionStore::default(), secret()).cookie_secure(false);
            app.app_data(idempotency.clone())
                .service(web::scope("").wrap(sessions.build()).service(fill).service(cart));
        });
        let first = ask(&server, &keyed("/cart", "k", "")).await;
        assert_eq!(first.status, 201, "{first:?}");
        assert_eq!(ask(&server, &get("/cart", &cookie_of(&first))).await.text(), "Some(3)");
    })
    .await;
}

#[post("/reported")]
#[idempotent]
async fn reports() -> impl Responder {
    yield_now().await;
    sentry_core::capture_message("an order was made", sentry_core::Level::Info);
    HttpResponse::Created()
}

#[tokio::test]
async fn what_the_handler_reports_to_sentry_after_an_await_is_its_requests() {
    on_each_store(async |idempotency| {
        let transport = TestTransport::new();
        let mut options = ClientOptions::default();
        options.dsn = Some("https://public@sentry.invalid/1".parse().unwrap());
        options.transport = Some(Arc::new(Arc::clone(&transport)));
        let hub = Arc::new(Hub::new(Some(Arc::new(Client::from(options))), Arc::default()));
        let server = TestServer::start(1, move |app| {
            let sentry = sentry_actix::Sentry::builder().with_hub(Arc::clone(&hub)).finish();
            app.app_data(idempotency.clone()).service(web::scope("").wrap(sentry).service(reports));
        });
        let request = post("/reported", &["Idempotency-Key: k"], b"");
        assert_eq!(ask(&server, &request).await.status, 201);
        let events = transport.fetch_and_clear_events();
        let reported: Vec<_> = events
            .iter()
            .map(|event| {
                let url = event.request.as_ref().and_then(|request| request.url.as_ref());
                (event.message.as_deref(), url.map(|url| url.path()))
            })
            .collect();
        assert_eq!(reported, [(Some("an order was made"), Some("/reported"))]);
    })
    .await;
}
