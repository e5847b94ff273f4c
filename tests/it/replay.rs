//! The second request gets the first one's response.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{Idempotency, idempotent};
use idempotent_tests::{Connection, TestServer, post};

type Effects = web::Data<AtomicUsize>;

#[post("/orders")]
#[idempotent(ttl = "24h", scope = "endpoint")]
async fn create_order(order: web::Json<serde_json::Value>, effects: Effects) -> impl Responder {
    let number = effects.fetch_add(1, SeqCst);
    HttpResponse::Created()
        .insert_header(("X-Number", number.to_string()))
        .append_header(("Link", "<a>"))
        .append_header(("Link", "<b>"))
        .json(serde_json::json!({ "number": number, "order": &*order }))
}

#[test]
fn a_retry_gets_the_first_response_and_has_no_effect() {
    let effects = Arc::new(AtomicUsize::new(0));
    let (idempotency, counted) = (Idempotency::builder().build().unwrap(), Arc::clone(&effects));
    let server = TestServer::start(2, move |app| {
        app.app_data(idempotency.clone())
            .app_data(web::Data::from(Arc::clone(&counted)))
            .service(create_order);
    });
    let request = post("/orders", &["Idempotency-Key: a", "Content-Type: application/json"], b"{\"sku\":1}");
    let mut connection = Connection::open(server.address());
    let first = connection.exchange(&request);
    let second = Connection::open(server.address()).exchange(&request);
    assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
    assert_eq!((second.status, second.is_replay()), (201, true), "{second:?}");
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("x-number"), Some("0"));
    let links = |reply: &idempotent_tests::Reply| -> Vec<String> {
        reply.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value.clone()).collect()
    };
    assert_eq!(links(&first), links(&second));
    assert_eq!(effects.load(SeqCst), 1);
}
