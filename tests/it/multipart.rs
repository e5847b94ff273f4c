//! Canonical multipart: two forms that a handler may read differently are never one.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::{HttpResponse, Responder, web};
use idempotent_runtime::idempotent;
use idempotent_tests::fresh;

use crate::fixture::{
    Effects,
    Is::{self, New, Replayed, Reused},
    is, serve,
};

#[idempotent(fingerprint = "canonical")]
async fn canonical(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().finish()
}

const TYPE: &str = "multipart/form-data; boundary=B";
const FORM: &str = "form-data; name=\"file\"; filename=\"x.txt\"";

/// A form of one part with these headers.
fn part(headers: &[&str]) -> String {
    format!("--B\r\n{}\r\n\r\nabc\r\n--B--\r\n", headers.join("\r\n"))
}

/// A form of one part with this disposition.
fn disposed(disposition: &str) -> String {
    part(&[&format!("Content-Disposition: {disposition}")])
}

/// Verdict on a second request whose body is of another spelling.
fn second(first: (&str, &str), then: (&str, &str)) -> Is {
    let server = serve(&fresh().build().unwrap(), |app| {
        app.route("/", web::post().to(canonical));
    });
    let send = |(content_type, body): (&str, &str)| {
        let content_type = format!("Content-Type: {content_type}");
        is(&server.post("/", &["Idempotency-Key: k", &content_type], body.as_bytes()))
    };
    assert_eq!(send(first), New);
    assert_eq!(send(first), Replayed, "the same bytes are the same request");
    send(then)
}

#[test]
fn what_is_said_twice_of_a_part_is_compared_in_its_order() {
    let twice = |one: &str, other: &str| {
        let said = |one: &str, other: &str| disposed(&format!("form-data; name=\"file\"; {one}; {other}"));
        (said(one, other), said(other, one))
    };
    let header = |one: &str, other: &str| {
        let disposition = format!("Content-Disposition: {FORM}");
        (part(&[&disposition, one, other]), part(&[&disposition, other, one]))
    };
    for (one, other) in [
        twice("filename=x.txt", "filename=y.txt"),
        twice("filename=\"x.txt\"", "FileName=\"y.txt\""),
        twice("filename*=utf-8''x", "filename*=utf-8''y"),
        twice("label=x", "LABEL=y"),
        twice("name=x", "Name=y"),
        header("Content-Type: text/plain", "Content-Type: text/html"),
        header("Content-Type: text/plain", "content-type: text/html"),
        header("X-Note: a", "x-note: b"),
        header("Content-Length: 3", "Content-Length: 4"),
        header("X-Note: a", "Content-Disposition: form-data; filename=y.txt"),
    ] {
        assert_eq!(second((TYPE, &one), (TYPE, &other)), Reused, "{one}{other}");
    }
}

#[test]
fn what_a_lenient_reader_would_pass_over_counts() {
    for (one, other) in [
        // Behind a closing quote.
        ("form-data; name=\"file\"x; filename=a", "form-data; name=\"file\"y; filename=a"),
        // A backslash escapes for one reader, and stands for itself for another.
        ("form-data; name=\"fi\\le\"", "form-data; name=\"file\""),
        ("form-data; name=\"file\"; filename=\"C:\\a\"", "form-data; name=\"file\"; filename=\"C:a\""),
        ("form-data; name=\"file\";", "form-data; name=\"file\""),
        ("form-data; name =\"file\"", "form-data; name=\"file\""),
        ("form-data; name=a b", "form-data; name=\"a b\""),
        ("form-data; name=file; filename*=utf-8''a", "form-data; name=file; filename*=UTF-8''a"),
    ] {
        let (one, other) = (disposed(one), disposed(other));
        assert_eq!(second((TYPE, &one), (TYPE, &other)), Reused, "{one}{other}");
        assert_eq!(second((TYPE, &other), (TYPE, &one)), Reused, "{other}{one}");
    }
    let length =
        |length| part(&[&format!("Content-Disposition: {FORM}"), &format!("Content-Length: {length}")]);
    assert_eq!(second((TYPE, &length("3")), (TYPE, &length("4"))), Reused);
    assert_eq!(second((TYPE, &length("3")), (TYPE, &disposed(FORM))), Replayed);
}

#[test]
fn a_content_type_that_says_something_twice_is_compared_as_it_is() {
    let body = disposed(FORM);
    for (one, other) in [
        ("multipart/form-data; boundary=B; boundary=C", "multipart/form-data; boundary=B; boundary=D"),
        ("multipart/form-data; boundary=B; boundary=C", "multipart/form-data; boundary=B"),
        ("multipart/form-data; boundary=B; charset=utf-8; charset=utf-8", TYPE),
        ("multipart/form-data; boundary=B; v=1; v=2", "multipart/form-data; boundary=B; v=2; v=1"),
    ] {
        assert_eq!(second((one, &body), (other, &body)), Reused, "{one} {other}");
    }
}

#[test]
fn another_order_of_what_is_said_once_is_the_same_form() {
    let one = part(&[
        "Content-Disposition: form-data; name=\"file\"; filename=\"x.txt\"; note=1",
        "Content-Type: text/plain",
    ]);
    let other = part(&[
        "content-type:text/plain",
        "Content-Length: 3",
        "CONTENT-DISPOSITION: Form-Data;NOTE=1 ; filename=x.txt;name=file",
    ]);
    assert_eq!(second((TYPE, &one), (TYPE, &other)), Replayed);
}
