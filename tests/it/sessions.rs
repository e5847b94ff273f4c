//! Callers with sessions of actix-session.

use std::sync::atomic::Ordering::SeqCst;

use actix_session::{Session, SessionMiddleware, storage::CookieSessionStore};
use actix_web::{
    Error, HttpResponse, Responder,
    cookie::Key,
    error::ErrorUnauthorized,
    web::{self, ServiceConfig},
};
use idempotent_runtime::{Principal, idempotent};
use idempotent_tests::{Reply, fresh};

use crate::fixture::{Effects, Served, assert_replayed, serve};

#[idempotent(principal = "anybody")]
async fn login(user: String, session: Session) -> Result<HttpResponse, Error> {
    session.renew();
    session.insert("user", &user)?;
    Ok(HttpResponse::Ok().body(format!("hello {user}")))
}

/// Nobody has a session before the login.
async fn anybody() -> Result<Principal, Error> {
    Ok(Principal::anonymous())
}

#[idempotent]
async fn order(body: web::Bytes, session: Session, effects: Effects) -> Result<impl Responder, Error> {
    let seen = session.get::<u32>("seen")?.unwrap_or(0) + 1;
    session.insert("seen", seen)?;
    let user: Option<String> = session.get("user")?;
    effects.fetch_add(1, SeqCst);
    Ok(HttpResponse::Created().body([user.unwrap_or_default().as_bytes(), b" orders ", &body].concat()))
}

async fn logout(session: Session) -> HttpResponse {
    session.purge();
    HttpResponse::NoContent().finish()
}

fn routes(key: Key) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |app| {
        let sessions = SessionMiddleware::builder(CookieSessionStore::default(), key.clone())
            .cookie_secure(false)
            .build();
        app.service(
            web::scope("/shop")
                .wrap(sessions)
                .route("/login", web::post().to(login))
                .route("/order", web::post().to(order))
                .route("/logout", web::post().to(logout)),
        );
    }
}

fn start() -> Served {
    let by_session = async |session: Session| match session.get::<String>("user")? {
        Some(user) => Ok(Principal::new(user)),
        None => Err(ErrorUnauthorized("log in first")),
    };
    let idempotency = fresh().principal_from(by_session).build().unwrap();
    serve(&idempotency, routes(Key::generate()))
}

/// A browser's cookie jar of one cookie.
struct Browser<'a> {
    server: &'a Served,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Served) -> Self {
        Browser { server, cookie: None }
    }

    fn logged_in(server: &'a Served, user: &str) -> Self {
        let mut browser = Browser::new(server);
        assert_eq!(browser.post("/shop/login", &format!("login of {user}"), user).status, 200);
        browser
    }

    fn post(&mut self, path: &str, key: &str, body: &str) -> Reply {
        let (key, cookie) = (format!("Idempotency-Key: \"{key}\""), self.cookie.clone());
        let headers: Vec<_> = [Some(key), cookie].into_iter().flatten().collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let reply = self.server.post(path, &headers, body.as_bytes());
        if let Some(set) = reply.header("set-cookie") {
            self.cookie = Some(format!("Cookie: {}", set.split(';').next().unwrap()));
        }
        reply
    }
}

#[test]
fn two_sessions_have_keys_of_their_own_and_a_cookie_that_rolls_is_the_same_caller() {
    let server = start();
    let mut users = ["alice", "bob"].map(|user| (user, Browser::logged_in(&server, user)));
    for (user, browser) in &mut users {
        let before = browser.cookie.clone();
        let first = browser.post("/shop/order", "1", "tea");
        assert_eq!((first.status, first.text()), (201, &*format!("{user} orders tea")));
        assert_ne!(browser.cookie, before, "the cookie rolls");
        let mut again = browser.post("/shop/order", "1", "tea");
        // The session's cookie is set by the middleware, on a replay only if something changes in
        // it.
        again.headers.retain(|(name, _)| name != "set-cookie");
        let mut first = first;
        first.headers.retain(|(name, _)| name != "set-cookie");
        assert_replayed(&first, &again);
    }
    assert_eq!(server.effects(), 2);
}

#[test]
fn who_is_logged_out_gets_no_replay_until_the_next_login() {
    let server = start();
    let mut alice = Browser::logged_in(&server, "alice");
    assert_eq!(alice.post("/shop/order", "1", "tea").status, 201);
    assert_eq!(alice.post("/shop/logout", "-", "").status, 204);
    let refused = alice.post("/shop/order", "1", "tea");
    assert_eq!((refused.status, refused.text()), (401, "log in first"));
    assert_eq!(alice.post("/shop/login", "login again", "alice").status, 200);
    let replay = alice.post("/shop/order", "1", "tea");
    assert_eq!((replay.status, replay.is_replay(), server.effects()), (201, true, 1));
}

/// The session is set by the middleware, after the handler. A replay runs no handler, so there is
/// nothing to set.
#[test]
fn the_replay_of_a_login_logs_nobody_in() {
    let server = start();
    let mut lost = Browser::new(&server);
    assert!(lost.post("/shop/login", "login", "alice").header("set-cookie").is_some());
    let mut browser = Browser::new(&server);
    let replay = browser.post("/shop/login", "login", "alice");
    assert_eq!((replay.status, replay.is_replay(), replay.header("set-cookie")), (200, true, None));
    assert_eq!(browser.post("/shop/order", "1", "tea").status, 401);
}
