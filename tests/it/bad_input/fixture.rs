//! The server that gets wrong requests, and a row of a table of them.

use std::time::Duration;

use actix_web::{
    HttpResponse, Responder,
    http::StatusCode,
    web::{self, ServiceConfig},
};
use idempotent_runtime::{Idempotency, KeyFormat, idempotent};
use idempotent_tests::scripted::Scripted;

use crate::fixture::{Calls, Effects, Served, serve};

#[idempotent(scope = "resource")]
async fn strict(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "resource", required = false)]
async fn optional(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(scope = "resource")]
async fn form(body: web::Form<Vec<(String, String)>>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().json(&*body)
}

#[idempotent(scope = "resource")]
async fn json(body: web::Json<serde_json::Value>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().json(body)
}

#[idempotent(scope = "resource")]
async fn number(_number: web::Path<(u64, u64)>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::Created().finish()
}

/// For safe methods: without a body, which HEAD would not bring.
#[idempotent(scope = "resource")]
async fn any_method(effects: Effects) -> impl Responder {
    effects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    HttpResponse::NoContent().finish()
}

pub(super) const LIMIT: usize = 1_000;

pub(super) fn server(store: &Scripted) -> Served {
    let builder = || Idempotency::builder().store(store.clone()).max_request_body(LIMIT);
    let plain = builder().build().unwrap();
    let uuid = builder().key_format(KeyFormat::Uuid).build().unwrap();
    let renamed = builder().header_name("X-Request-Key").build().unwrap();
    let unprocessable = builder().reused_status(StatusCode::UNPROCESSABLE_ENTITY).build().unwrap();
    let hurried = builder().body_timeout(Duration::from_millis(200)).build().unwrap();
    let under = move |path: &str, idempotency: &Idempotency, app: &mut ServiceConfig| {
        let strict = web::resource("/{row}").route(web::post().to(strict));
        app.service(web::scope(path).app_data(idempotency.clone()).service(strict));
    };
    serve(&plain, move |app| {
        under("/uuid", &uuid, app);
        under("/renamed", &renamed, app);
        under("/422", &unprocessable, app);
        under("/hurried", &hurried, app);
        app.route("/strict/{row}", web::post().to(strict))
            .route("/optional/{row}", web::post().to(optional))
            .route("/json/{row}", web::post().to(json))
            .route("/form/{row}", web::post().to(form))
            .route("/number/{number}/{row}", web::post().to(number))
            .route("/any/{row}", web::route().to(any_method));
    })
}

/// One request, and what comes of it.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Requests sent before it.
    pub(super) before: Vec<Vec<u8>>,
    pub(super) request: Vec<u8>,
    pub(super) status: u16,
    /// `code` and `retryable`, or nothing where the answer is no refusal of ours.
    pub(super) code: Option<(&'static str, bool)>,
    /// The `idempotency_key` that the refusal tells.
    pub(super) key: Option<&'static str>,
    pub(super) replay: bool,
    /// Runs of the handler for this row's requests together.
    pub(super) effects: usize,
    pub(super) calls: Calls,
}

pub(super) const NOTHING: Calls = Calls { claims: 0, stored: 0, released: 0 };
pub(super) const STORED: Calls = Calls { claims: 1, stored: 1, released: 0 };
pub(super) const RELEASED: Calls = Calls { claims: 1, stored: 0, released: 1 };

impl Row {
    pub(super) fn refused(name: &'static str, request: Vec<u8>, status: u16, code: &'static str) -> Row {
        Row {
            name,
            before: Vec::new(),
            request,
            status,
            code: Some((code, false)),
            key: None,
            replay: false,
            effects: 0,
            calls: NOTHING,
        }
    }

    /// Runs, and is stored.
    pub(super) fn runs(name: &'static str, request: Vec<u8>) -> Row {
        Row { status: 201, code: None, effects: 1, calls: STORED, ..Row::refused(name, request, 0, "") }
    }

    /// A header line of which actix makes nothing, so that no handler is reached.
    pub(super) fn unparsed(name: &'static str, line: &[u8]) -> Row {
        Row { code: None, ..Row::refused(name, strict_post(&[&key_line(line)]), 400, "") }
    }

    /// An extractor's own answer.
    pub(super) fn extractor(name: &'static str, request: Vec<u8>, status: u16) -> Row {
        Row { status, code: None, calls: RELEASED, ..Row::refused(name, request, 0, "") }
    }

    pub(super) fn told(self, key: &'static str) -> Row {
        Row { key: Some(key), ..self }
    }

    pub(super) fn retryable(self) -> Row {
        Row { code: self.code.map(|(code, _)| (code, true)), ..self }
    }

    pub(super) fn after(self, before: Vec<u8>) -> Row {
        Row { before: vec![before], ..self }
    }

    pub(super) fn replays(self) -> Row {
        let calls = Calls { claims: 2, ..STORED };
        Row { replay: true, calls, ..self }
    }
}

/// A request with these header lines; `ROW` in the path becomes the row's number.
pub(super) fn request(method: &str, path: &str, lines: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {path}/ROW HTTP/1.1\r\nHost: test\r\n").into_bytes();
    for line in lines {
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    request
}

pub(super) fn post(path: &str, lines: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let lines: Vec<&[u8]> = [length.as_bytes()].into_iter().chain(lines.iter().copied()).collect();
    request("POST", path, &lines, body)
}

pub(super) fn strict_post(lines: &[&[u8]]) -> Vec<u8> {
    post("/strict", lines, b"body")
}

pub(super) fn key_line(value: &[u8]) -> Vec<u8> {
    [b"Idempotency-Key: ", value].concat()
}

pub(super) fn keyed(path: &str, value: &[u8], body: &[u8]) -> Vec<u8> {
    post(path, &[&key_line(value)], body)
}

pub(super) fn json_post(value: &[u8], content_type: &[u8], body: &[u8]) -> Vec<u8> {
    post("/json", &[&key_line(value), &[b"Content-Type: ", content_type].concat()], body)
}

pub(super) fn chunked(body_in: &[usize]) -> Vec<u8> {
    let mut body = Vec::new();
    for length in body_in {
        body.extend_from_slice(format!("{length:x}\r\n").as_bytes());
        body.extend(std::iter::repeat_n(b'x', *length));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    request("POST", "/strict", &[b"Idempotency-Key: k", b"Transfer-Encoding: chunked"], &body)
}

/// The request of the row with this number, whose path is its own.
pub(super) fn numbered(request: &[u8], number: usize) -> Vec<u8> {
    let at = request.windows(4).position(|window| window == b"/ROW").unwrap();
    [&request[..at], format!("/{number}").as_bytes(), &request[at + 4..]].concat()
}
