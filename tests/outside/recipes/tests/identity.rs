//! Recipe "Logins in an extractor".

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, Responder, cookie::Key, post};
use idempotent_runtime::{Idempotency, MemoryStore, Principal, idempotent, testing::serve};
use recipes::cookie;

#[post("/login")]
async fn login(request: HttpRequest, name: String) -> impl Responder {
    Identity::login(&request.extensions(), name).unwrap();
    HttpResponse::Ok()
}

#[post("/orders")]
#[idempotent]
async fn create_order(order: String) -> impl Responder {
    HttpResponse::Created().body(order)
}

#[actix_web::test]
async fn a_user_is_the_same_caller_after_the_next_login() {
    let idempotency = Idempotency::builder()
        .store(MemoryStore::new())
        .principal_from(async |user: Identity| Ok(Principal::new(format!("user:{}", user.id()?))))
        .build()
        .unwrap();
    let key = Key::generate();
    let server = serve(move || {
        let sessions = SessionMiddleware::builder(CookieSessionStore::default(), key.clone());
        App::new()
            .wrap(IdentityMiddleware::default())
            .wrap(sessions.cookie_secure(false).build())
            .app_data(idempotency.clone())
            .service(login)
            .service(create_order)
    });
    let logged_in = async |name: &str| cookie(&server.post("/login").body(name).send(None).await.unwrap());
    let (first, second, other) = (logged_in("ann").await, logged_in("ann").await, logged_in("bob").await);
    let order = async |cookie: &str| {
        server.post("/orders").header("cookie", cookie).body("tea").send(Some("1")).await.unwrap()
    };
    assert_eq!(order("").await.status, 401);
    assert!(!order(&first).await.is_replay());
    assert!(order(&second).await.is_replay());
    assert!(!order(&other).await.is_replay());
}
