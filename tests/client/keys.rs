//! Requests that get a key, and the key that each gets.

use std::collections::HashSet;

use futures_util::{future::join_all, stream};
use idempotent_client::{Key, Unanswered};
use idempotent_runtime::idempotent;
use idempotent_tests::{TestServer, proxy::Proxy, said};
use reqwest_middleware::Error;

use crate::canned::{Canned, brisk, chunked, client, plain, send};

#[tokio::test]
async fn concurrent_calls_have_different_keys() {
    let server = Canned::answering([""; 0]).await;
    let client = client(brisk());
    join_all((0..200).map(|_| client.post(server.url()).body("the body").send())).await;
    let seen = server.seen();
    let keys: HashSet<&str> = seen.iter().filter_map(|seen| seen.key()).collect();
    assert_eq!((seen.len(), keys.len()), (200, 200));
    let is_seventh = |key: &&str| key.len() == 38 && key.starts_with('"') && key.as_bytes()[15] == b'7';
    assert!(keys.iter().all(is_seventh), "{keys:?}");
}

#[tokio::test]
async fn a_key_is_bare_for_servers_that_know_no_quotes() {
    let server = Canned::answering([plain(503, "", "")]).await;
    send(brisk().bare_keys(), &server).await.unwrap();
    let seen = server.seen();
    let keys: Vec<&str> = seen.iter().filter_map(|seen| seen.key()).collect();
    assert_eq!((keys.len(), keys[0].len(), keys[0]), (2, 36, keys[1]));
}

#[tokio::test]
async fn a_key_that_is_already_there_stays_the_only_one() {
    let server = Canned::answering([plain(503, "", ""), plain(201, "", "")]).await;
    let request = client(brisk()).post(server.url()).header("Idempotency-Key", "mine").body("the body");
    request.send().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    for seen in seen {
        assert_eq!((seen.key(), seen.text.matches("idempotency-key").count()), (Some("mine"), 1));
    }
}

#[tokio::test]
async fn only_post_and_patch_get_a_key_and_are_sent_again() {
    for (method, tries) in [("POST", 2), ("PATCH", 2), ("PUT", 1), ("DELETE", 1)] {
        let server = Canned::answering([plain(503, "", "")]).await;
        let request = client(brisk()).request(method.parse().unwrap(), server.url()).body("the body");
        request.send().await.unwrap();
        let seen = server.seen();
        assert_eq!((seen.len(), seen[0].key().is_some()), (tries, tries == 2), "{method}");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_cloned_is_sent_once_with_a_key() {
    let server = Canned::answering([plain(503, "", "busy")]).await;
    let body = reqwest::Body::wrap_stream(stream::iter([Ok::<_, std::io::Error>("the body")]));
    let request = client(brisk()).post(server.url()).header("content-length", "8").body(body);
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "busy");
    assert_eq!(server.seen().len(), 1);
    assert!(server.seen()[0].key().is_some());
}

#[idempotent]
async fn echo(body: String) -> String {
    body
}

#[tokio::test]
async fn a_key_reused_is_told_at_once_by_a_real_server() {
    let server = TestServer::start(1, |app| {
        app.route("/order", actix_web::web::post().to(echo));
    });
    let proxy = Proxy::to(server.address().port()).await;
    let client = client(brisk());
    let url = format!("http://127.0.0.1:{}/order", proxy.port());
    let order = |body: &'static str| {
        client.post(url.as_str()).header("Idempotency-Key", "reused-here").body(body).send()
    };
    assert_eq!(order("tea").await.unwrap().status(), 200);
    let before = proxy.messages();
    let refused = order("coffee").await.unwrap();
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("key_reused"));
    assert_eq!(proxy.messages() - before, 1);
}

#[tokio::test]
async fn without_faults_a_request_is_sent_once() {
    let server = Canned::answering([plain(201, "X-Twice: a\r\nX-Twice: b\r\n", "made")]).await;
    let answer = send(brisk(), &server).await.unwrap();
    assert_eq!(answer.headers().get_all("x-twice").iter().count(), 2);
    assert_eq!(answer.url().as_str(), server.url());
    assert_eq!(answer.text().await.unwrap(), "made");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_response_tells_the_key_that_it_was_asked_for_with() {
    let server = Canned::answering([plain(503, "", ""), plain(201, "", "made")]).await;
    let answer = send(brisk(), &server).await.unwrap();
    let key = answer.extensions().get::<Key>().unwrap();
    assert_eq!(server.seen()[1].key().unwrap(), format!("\"{key}\""));
    assert_eq!(key.as_str().len(), 36);
    assert_eq!(format!("{key:?}"), "Key(36 characters)");
}

#[tokio::test]
async fn a_key_set_by_hand_is_told_as_a_server_reads_it() {
    for (header, bare, quoted) in [
        ("mine", "mine", "mine"),
        (" mine ", "mine", "mine"),
        ("a, b", "a, b", "a, b"),
        (r#""mine";version=1"#, r#""mine";version=1"#, "mine"),
        (r#""a\"b\\c""#, r#""a\"b\\c""#, r#"a"b\c"#),
    ] {
        for (settings, key) in [(brisk(), quoted), (brisk().bare_keys(), bare)] {
            let server = Canned::answering([""; 0]).await;
            let request = client(settings).post(server.url()).header("Idempotency-Key", header);
            let answer = request.body("the body").send().await.unwrap();
            assert_eq!(answer.extensions().get::<Key>().unwrap().as_str(), key);
            assert_eq!(server.seen()[0].key().unwrap().trim(), header.trim(), "it is sent as it was set");
        }
    }
}

#[tokio::test]
async fn an_answer_of_unknown_length_and_one_to_a_body_that_cannot_be_cloned_tell_their_key() {
    let body = reqwest::Body::wrap_stream(stream::iter([Ok::<_, std::io::Error>("the body")]));
    for body in ["the body".into(), body] {
        let server = Canned::answering([chunked(&plain(200, "", "made"))]).await;
        let request = client(brisk()).post(server.url()).header("content-length", "8").body(body);
        let answer = request.send().await.unwrap();
        let key = answer.extensions().get::<Key>().unwrap();
        assert_eq!(server.seen()[0].key().unwrap(), format!("\"{key}\""));
    }
}

#[tokio::test]
async fn the_error_that_ends_a_call_says_its_key_and_what_came_of_the_last_try() {
    let server = Canned::answering(["", ""]).await;
    let error = send(brisk().tries(2), &server).await.unwrap_err();
    let key = server.seen()[1].key().unwrap().trim_matches('"').to_owned();
    let text = format!("no answer to the request with idempotency key {key}");
    assert_eq!(error.to_string(), text);
    assert!(said(&error).starts_with(&format!("{text}: error sending request for url")), "{}", said(&error));
    let Error::Middleware(error) = error else { panic!("{error:?}") };
    let unanswered = error.downcast::<Unanswered>().unwrap();
    assert_eq!(unanswered.key().as_str(), key);
    assert!(unanswered.last().is_request());
}
