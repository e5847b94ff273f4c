//! Outcomes: which responses are stored, errors and panics of handlers among them.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{HttpResponse, Responder, ResponseError, http::StatusCode, web};
use idempotent_runtime::idempotent;
use idempotent_tests::{Reply, fresh};

use super::fixture::{KEY, answering, twice};
use crate::fixture::{Effects, assert_replayed, serve};

#[test]
fn which_statuses_are_stored_is_the_handlers_choice() {
    // Whether a retry is a replay under "all", "final" and "success".
    let rows: [(u16, [bool; 3]); 22] = [
        (200, [true; 3]),
        (201, [true; 3]),
        (204, [true; 3]),
        (299, [true; 3]),
        (301, [true; 3]),
        (303, [true; 3]),
        (304, [true; 3]),
        (400, [true, true, false]),
        (401, [false; 3]),
        (403, [true, true, false]),
        (404, [true, true, false]),
        (407, [false; 3]),
        (408, [false; 3]),
        (409, [true, true, false]),
        (421, [false; 3]),
        (422, [true, true, false]),
        (425, [false; 3]),
        (429, [false; 3]),
        (500, [true, false, false]),
        (502, [true, false, false]),
        (503, [true, false, false]),
        (599, [true, false, false]),
    ];
    let server = answering();
    for (status, stored) in rows {
        for (policy, stored) in ["all", "final", "success"].into_iter().zip(stored) {
            let (path, key) = (format!("/{policy}/{status}"), format!("Idempotency-Key: {status}"));
            let before = server.effects();
            let replies = [(); 3].map(|()| server.post(&path, &[&key], b"none"));
            let replayed = replies.each_ref().map(Reply::is_replay);
            assert_eq!(replayed, [false, stored, stored], "{path}");
            assert_eq!(replies.map(|reply| reply.status), [status; 3], "{path}");
            assert_eq!(server.effects() - before, if stored { 1 } else { 3 }, "{path}");
        }
    }
}

#[idempotent(replay = "final")]
async fn mends(body: web::Bytes, effects: Effects) -> impl Responder {
    match effects.fetch_add(1, SeqCst) {
        0 => HttpResponse::ServiceUnavailable().body("try again"),
        _ => HttpResponse::Created().body(body),
    }
}

#[test]
fn a_key_that_was_freed_takes_the_next_outcome_for_good() {
    let server = serve(&fresh().build().unwrap(), |app| {
        app.route("/mends", web::post().to(mends));
    });
    assert_eq!(server.post("/mends", &[KEY], b"1").status, 503);
    // The key was freed together with what it was used for.
    let second = server.post("/mends", &[KEY], b"2");
    assert_eq!((second.status, second.text(), second.is_replay()), (201, "2", false));
    assert_replayed(&second, &server.post("/mends", &[KEY], b"2"));
    assert_eq!(server.post("/mends", &[KEY], b"1").code(), "key_reused");
}

#[derive(Debug)]
struct Refused(u16);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused with {}", self.0)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0).unwrap()
    }
}

#[idempotent]
async fn fallible(status: web::Path<u16>, effects: Effects) -> Result<impl Responder, Refused> {
    effects.fetch_add(1, SeqCst);
    match *status {
        200 => Ok("fine"),
        status => Err(Refused(status)),
    }
}

#[idempotent(replay = "final")]
async fn fallible_final(status: web::Path<u16>, effects: Effects) -> actix_web::Result<String> {
    effects.fetch_add(1, SeqCst);
    match *status {
        200 => Ok("fine".into()),
        status => Err(Refused(status).into()),
    }
}

#[test]
fn the_errors_of_a_handler_are_responses_like_others() {
    let server = serve(&fresh().build().unwrap(), |app| {
        app.route("/fallible/{status}", web::post().to(fallible))
            .route("/final/{status}", web::post().to(fallible_final));
    });
    for (path, text, stored) in [
        ("/fallible/200", "fine", true),
        ("/fallible/402", "refused with 402", true),
        ("/fallible/500", "refused with 500", true),
        ("/final/200", "fine", true),
        ("/final/402", "refused with 402", true),
        ("/final/500", "refused with 500", false),
    ] {
        let key = format!("Idempotency-Key: {path}");
        let (first, again) = (server.post(path, &[&key], b""), server.post(path, &[&key], b""));
        assert_eq!((first.text(), again.text()), (text, text));
        assert_eq!((first.is_replay(), again.is_replay()), (false, stored), "{path}");
    }
    assert_eq!(server.effects(), 7);
}

#[idempotent]
async fn panics(effects: Effects) -> HttpResponse {
    effects.fetch_add(1, SeqCst);
    panic!("the handler's secret")
}

#[idempotent]
async fn panics_later(effects: Effects) -> HttpResponse {
    actix_web::rt::task::yield_now().await;
    effects.fetch_add(1, SeqCst);
    panic!("the handler's secret")
}

#[idempotent(replay = "final")]
async fn panics_once(effects: Effects) -> HttpResponse {
    assert!(effects.fetch_add(1, SeqCst) > 0, "the handler's secret");
    HttpResponse::Created().finish()
}

#[test]
fn a_panic_is_an_outcome_of_status_500() {
    for later in [false, true] {
        let server = serve(&fresh().build().unwrap(), move |app| {
            let route = if later { web::post().to(panics_later) } else { web::post().to(panics) };
            app.route("/panics", route);
        });
        let (first, again) = twice(&server, "/panics", b"");
        assert_eq!((first.status, first.text()), (500, ""));
        assert_replayed(&first, &again);
        assert_eq!(server.effects(), 1);
    }
}

#[test]
fn a_panic_frees_the_key_where_only_final_outcomes_are_stored() {
    let server = serve(&fresh().build().unwrap(), |app| {
        app.route("/panics", web::post().to(panics_once));
    });
    let (first, second) = twice(&server, "/panics", b"");
    assert_eq!((first.status, second.status, second.is_replay()), (500, 201, false));
    assert_replayed(&second, &server.post("/panics", &[KEY], b""));
    assert_eq!(server.effects(), 2);
}
