//! Requests that the server leads elsewhere.

use actix_web::{HttpRequest, HttpResponse, web};
use idempotent_client::Key;
use idempotent_tests::TestServer;

use crate::canned::{brisk, client};

/// Answers with the request's method, key and body.
async fn echo(request: HttpRequest, body: String) -> String {
    let key = request.headers().get("idempotency-key").map_or("none", |key| key.to_str().unwrap());
    format!("{} {key} {body}", request.method())
}

async fn lead(status: web::Path<u16>) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(*status).unwrap();
    HttpResponse::build(status).insert_header(("Location", "/echo")).finish()
}

#[tokio::test]
async fn a_redirected_request_keeps_its_key_and_is_a_get_where_the_status_says_so() {
    let server = TestServer::start(1, |app| {
        app.route("/echo", web::to(echo)).route("/lead/{status}", web::to(lead));
    });
    for (status, asked) in [(303, "GET"), (307, "POST"), (308, "POST")] {
        let url = format!("http://{}/lead/{status}", server.address());
        let answer = client(brisk()).post(url).body("tea").send().await.unwrap();
        assert_eq!(answer.url().path(), "/echo");
        let key = answer.extensions().get::<Key>().unwrap();
        let all = format!("{asked} \"{key}\" {}", if asked == "POST" { "tea" } else { "" });
        assert_eq!(answer.text().await.unwrap(), all, "{status}");
    }
}
