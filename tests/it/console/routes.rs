//! Places where the page is mounted, and its requests.

use std::{fs, path::PathBuf};

use actix_web::{Scope, guard::Header, web};
use idempotent_runtime::admin::{admin_scope, console};
use idempotent_tests::{Connection, Reply, TestServer};

/// Reply to an operator.
fn read(server: &TestServer, path: &str) -> Reply {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nX-Operator: me\r\n\r\n");
    Connection::open(server.address()).exchange(request.as_bytes())
}

fn operators() -> Scope {
    admin_scope(Header("x-operator", "me"))
}

#[test]
fn the_page_is_there_whether_it_is_mounted_before_the_scope_or_after() {
    let before = TestServer::start(1, |app| {
        app.service(console()).service(operators());
    });
    let after = TestServer::start(1, |app| {
        app.service(operators()).service(console());
    });
    for server in [before, after] {
        assert!(read(&server, "/idempotency/console").text().starts_with("<!doctype html>"));
        assert_eq!(read(&server, "/idempotency/console/main.js").status, 200);
        assert!(read(&server, "/idempotency/policies").json()["policies"].is_array());
        assert_eq!(read(&server, "/idempotency/consoles").code(), "no_route");
    }
}

#[test]
fn every_file_beside_the_page_is_served() {
    let server = TestServer::start(1, |app| {
        app.service(console());
    });
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../idempotent-runtime/src/admin/console");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end != "rs" && end != "html")).collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let reply = read(&server, &format!("/idempotency/console/{name}"));
        assert!(reply.status == 200 && reply.body == fs::read(&file).unwrap(), "{name}");
    }
}

#[test]
fn the_page_goes_below_a_scope_and_takes_a_guard() {
    let server = TestServer::start(1, |app| {
        let page = console().guard(Header("x-operator", "me"));
        app.service(web::scope("/internal").service(operators()).service(page));
    });
    assert_eq!(read(&server, "/internal/idempotency/console").status, 200);
    let stranger = b"GET /internal/idempotency/console HTTP/1.1\r\nHost: test\r\n\r\n";
    assert_eq!(Connection::open(server.address()).exchange(stranger).status, 404);
}

/// The page names its files and the scope's routes from where it is, without a slash at its end.
#[test]
fn a_slash_at_the_end_leads_to_the_page() {
    let server = TestServer::start(1, |app| {
        app.service(console());
    });
    let moved = read(&server, "/idempotency/console/");
    assert_eq!((moved.status, moved.header("location")), (307, Some("../console")), "{moved:?}");
}

#[test]
fn a_head_is_answered_without_the_page() {
    let server = TestServer::start(1, |app| {
        app.service(console());
    });
    let mut connection = Connection::open(server.address());
    connection.send(b"HEAD /idempotency/console HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let reply = String::from_utf8(connection.rest()).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\n"), "{reply}");
}
