//! Replays behind middleware, and over HTTP/1.1 and HTTP/2.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use actix_web::{dev::Service, middleware::DefaultHeaders, web};
use idempotent_tests::fresh;

use super::fixture::{KEY, answering, answers, twice, values};
use crate::fixture::{assert_replayed, serve};

#[test]
fn middleware_runs_on_replays() {
    let passed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&passed);
    let server = serve(&fresh().build().unwrap(), move |app| {
        let counted = Arc::clone(&counted);
        let scope = web::scope("/api")
            .wrap(DefaultHeaders::new().add(("X-Version", "7")).add(("Access-Control-Allow-Origin", "*")))
            .wrap_fn(move |request, service| {
                let number = counted.fetch_add(1, SeqCst);
                let response = service.call(request);
                async move {
                    let mut response = response.await?;
                    let name = actix_web::http::header::HeaderName::from_static("x-request-number");
                    response.headers_mut().insert(name, number.into());
                    Ok(response)
                }
            });
        app.service(scope.configure(answers));
    });
    let (first, again) = twice(&server, "/api/all/200", b"body");
    assert_eq!((first.is_replay(), again.is_replay()), (false, true));
    for (number, reply) in ["0", "1"].into_iter().zip([&first, &again]) {
        // Added outside of the handler, so neither stored nor doubled.
        assert_eq!(values(reply, "x-version"), ["7"]);
        assert_eq!(values(reply, "access-control-allow-origin"), ["*"]);
        assert_eq!(values(reply, "x-request-number"), [number]);
    }
    assert_eq!((server.effects(), passed.load(SeqCst)), (1, 2));
}

#[test]
fn middleware_that_refuses_comes_before_a_replay() {
    let server = serve(&fresh().build().unwrap(), |app| {
        let scope = web::scope("/api").wrap_fn(|request, service| {
            let known = request.headers().contains_key("x-session");
            let response = known.then(|| service.call(request));
            async move {
                match response {
                    Some(response) => response.await,
                    None => Err(actix_web::error::ErrorUnauthorized("who are you?")),
                }
            }
        });
        app.service(scope.configure(answers));
    });
    let first = server.post("/api/all/200", &[KEY, "X-Session: 1"], b"");
    assert_eq!(first.status, 200);
    assert_eq!(server.post("/api/all/200", &[KEY], b"").status, 401);
    assert_replayed(&first, &server.post("/api/all/200", &[KEY, "X-Session: 1"], b""));
}

/// Posts over HTTP/2: status, value of `Idempotent-Replayed`, values of `Link`, body.
async fn post_over_http_2(
    address: std::net::SocketAddr,
    path: &str,
    body: &'static [u8],
) -> (u16, bool, Vec<String>, Vec<u8>) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request =
        http::Request::post(format!("http://test{path}")).header("idempotency-key", "k").body(()).unwrap();
    let (response, mut stream) = send.send_request(request, false).unwrap();
    stream.send_data(body.into(), true).unwrap();
    let (head, mut chunks) = response.await.unwrap().into_parts();
    let mut read = Vec::new();
    while let Some(chunk) = chunks.data().await {
        let chunk = chunk.unwrap();
        chunks.flow_control().release_capacity(chunk.len()).unwrap();
        read.extend_from_slice(&chunk);
    }
    let links = head.headers.get_all("link").iter().map(|link| link.to_str().unwrap().to_owned()).collect();
    let replayed = head.headers.get("idempotent-replayed").is_some_and(|value| value == "true");
    (head.status.as_u16(), replayed, links, read)
}

#[test]
fn a_response_is_the_same_over_http_1_and_http_2() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let body = b"Link: <a>\nLink: <b>\nConnection: X-Hop\nX-Hop: 1\nKeep-Alive: timeout=5";
    let server = answering();
    let first = server.post("/all/201", &[KEY], body);
    let (status, replayed, links, read) =
        runtime.block_on(post_over_http_2(server.address(), "/all/201", body));
    assert_eq!((status, replayed, read), (first.status, true, first.body));
    assert_eq!(links, ["<a>", "<b>"]);
    let server = answering();
    let other = b"Link: <c>\nLink: <c>";
    let first = runtime.block_on(post_over_http_2(server.address(), "/all/201", other));
    let again = server.post("/all/201", &[KEY], other);
    assert_eq!((again.status, first.1, again.is_replay()), (first.0, false, true));
    assert_eq!((values(&again, "link"), &again.body), (vec!["<c>", "<c>"], &first.3));
    let none = runtime.block_on(post_over_http_2(answering().address(), "/all/204", b"none"));
    assert_eq!((none.0, none.3.len()), (204, 0));
    assert_eq!(server.effects(), 1);
}
