//! Endpoints that differ in the place of their key, and their requests.

use actix_web::{HttpResponse, Responder, post, test::TestRequest, web};
use idempotent_runtime::idempotent;

/// An endpoint, and how its key is sent.
pub(crate) struct Source {
    pub(crate) path: &'static str,
    content_type: &'static str,
    body: fn(u64) -> String,
}

/// A body of about 300 bytes in which the key is one member of several.
fn json(key: u64) -> String {
    format!(r#"{{"type":"charge.succeeded","data":{{"note":"{}"}},"id":"{key:036}"}}"#, "x".repeat(220))
}

fn form(key: u64) -> String {
    format!("note={}&MessageSid={key:036}", "x".repeat(240))
}

pub(crate) const ALL: [Source; 4] = [
    Source { path: "/header", content_type: "application/json", body: json },
    Source { path: "/json", content_type: "application/json", body: json },
    Source { path: "/header_of_a_form", content_type: "application/x-www-form-urlencoded", body: form },
    Source { path: "/form", content_type: "application/x-www-form-urlencoded", body: form },
];

impl Source {
    /// The request with this key.
    pub(crate) fn request(&self, key: u64) -> TestRequest {
        let request = TestRequest::post().uri(self.path).insert_header(("content-type", self.content_type));
        let request = request.set_payload((self.body)(key));
        match self.path.starts_with("/header") {
            true => request.insert_header(("idempotency-key", format!("{key:036}"))),
            false => request,
        }
    }
}

#[post("/header")]
#[idempotent]
async fn header(_: web::Bytes) -> impl Responder {
    HttpResponse::NoContent()
}

#[post("/header_of_a_form")]
#[idempotent]
async fn header_of_a_form(_: web::Bytes) -> impl Responder {
    HttpResponse::NoContent()
}

#[post("/json")]
#[idempotent(key = "json:/id")]
async fn in_json(_: web::Bytes) -> impl Responder {
    HttpResponse::NoContent()
}

#[post("/form")]
#[idempotent(key = "form:MessageSid")]
async fn in_a_form(_: web::Bytes) -> impl Responder {
    HttpResponse::NoContent()
}

pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.service((header, header_of_a_form, in_json, in_a_form));
}
