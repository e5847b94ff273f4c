//! Handlers that utoipa describes for one method and path are warned of at start.

use actix_web::HttpResponse;
use idempotent_runtime::{Idempotency, idempotent};
use idempotent_tests::alone;

#[utoipa::path(post, path = "/described-twice", operation_id = "first")]
#[idempotent]
#[allow(dead_code, reason = "is only described")]
async fn described_first() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(post, path = "/described-twice", operation_id = "second")]
#[idempotent]
#[allow(dead_code, reason = "is only described")]
async fn described_second() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[test]
fn handlers_that_are_described_for_one_method_and_path_are_warned_of() {
    let test = "shared_routes::handlers_that_are_described_for_one_method_and_path_are_warned_of";
    let Some(said) = alone(test) else {
        tracing_subscriber::fmt().with_ansi(false).init();
        Idempotency::builder().build().unwrap();
        return;
    };
    let warned: Vec<_> = said.lines().filter(|line| line.contains("POST /described-twice")).collect();
    assert_eq!(warned.len(), 1, "{said}");
    for word in ["WARN", "described_first", "described_second", "`headers = …`"] {
        assert!(warned[0].contains(word), "{word} in {}", warned[0]);
    }
}
