//! Handlers that share a method and a pattern. A warning at start names them, before one's response
//! is given for the other's.
#![allow(dead_code, reason = "the handlers are only declared")]

use actix_web::{HttpResponse, guard::GuardContext, post, put};
use idempotent_runtime::{Idempotency, idempotent};

fn is_v1(context: &GuardContext<'_>) -> bool {
    context.head().headers().get("x-api-version").is_some_and(|version| version == "1")
}

#[post("/shared/beside")]
#[idempotent]
async fn beside_1() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent]
#[post("/shared/beside")]
async fn beside_2() -> HttpResponse {
    HttpResponse::Created().finish()
}

mod guarded {
    use super::*;

    #[post("/shared/guarded", guard = "is_v1")]
    #[idempotent]
    async fn version_1() -> HttpResponse {
        HttpResponse::Created().finish()
    }
}

mod unguarded {
    use super::*;

    #[post("/shared/guarded")]
    #[idempotent]
    async fn version_2() -> HttpResponse {
        HttpResponse::Created().finish()
    }

    #[post("/shared/mounted")]
    #[idempotent]
    async fn mounted() -> HttpResponse {
        HttpResponse::Created().finish()
    }
}

mod scoped {
    use super::*;

    #[post("/shared/mounted")]
    #[idempotent]
    async fn mounted() -> HttpResponse {
        HttpResponse::Created().finish()
    }
}

#[post("/shared/named", guard = "is_v1")]
#[idempotent(headers = "X-Api-Version")]
async fn named_1() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/shared/named")]
#[idempotent(headers = "X-Api-Version")]
async fn named_2() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/shared/one-named", guard = "is_v1")]
#[idempotent(headers = "X-Api-Version")]
async fn one_named() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/shared/one-named")]
#[idempotent]
async fn not_named() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/shared/other-named")]
#[idempotent(headers = "X-Api-Version")]
async fn other_named_1() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/shared/other-named")]
#[idempotent(headers = "Accept")]
async fn other_named_2() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/shared/methods")]
#[idempotent]
async fn posted() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[put("/shared/methods")]
#[idempotent]
async fn put_there() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/shared/groups")]
#[idempotent(scope = "group:one")]
async fn grouped_1() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/shared/groups")]
#[idempotent(scope = "group:two")]
async fn grouped_2() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[post("/shared/alone", guard = "is_v1")]
#[idempotent]
async fn alone() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[test]
fn handlers_of_one_method_and_pattern_are_warned_of_once_at_start() {
    let Some(said) = idempotent_tests::alone(
        "shared_routes::handlers_of_one_method_and_pattern_are_warned_of_once_at_start",
    ) else {
        tracing_subscriber::fmt().with_ansi(false).init();
        // Also where each worker builds a handle of its own.
        for _ in 0..2 {
            Idempotency::builder().build().unwrap();
        }
        return;
    };
    let mut warnings: Vec<_> =
        said.lines().filter(|line| line.contains("WARN") && line.contains("/shared/")).collect();
    warnings.sort_by_key(|line| line.find("POST").map(|at| &line[at..]));
    let told = [
        ("POST /shared/beside", ["beside_1", "beside_2"]),
        ("POST /shared/guarded", ["guarded::version_1", "unguarded::version_2"]),
        ("POST /shared/mounted", ["scoped::mounted", "unguarded::mounted"]),
        ("POST /shared/one-named", ["not_named", "one_named"]),
        ("POST /shared/other-named", ["other_named_1", "other_named_2"]),
    ];
    assert_eq!(warnings.len(), told.len(), "{said}");
    for (warning, (route, handlers)) in warnings.iter().zip(told) {
        assert!(warning.contains(route) && warning.contains("`headers = …`"), "{warning}");
        for handler in handlers {
            assert!(warning.contains(&format!("it::shared_routes::{handler}")), "{warning}");
        }
    }
}
