//! Handlers that share a method and a pattern. A warning at start names them, before one's response
//! is given for the other's.
#![allow(dead_code, reason = "the handlers are only declared")]

use std::collections::BTreeSet;

use actix_web::{HttpResponse, guard::GuardContext, post, put};
use idempotent_runtime::{Idempotency, idempotent};

use crate::log;

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
fn handlers_that_only_a_guard_can_tell_apart_are_warned_of_at_start() {
    log::listen();
    Idempotency::builder().build().unwrap();
    let warnings: BTreeSet<_> = log::lines()
        .into_iter()
        .filter(|line| line.starts_with("WARN") && line.contains("/shared/"))
        .collect();
    let told = [
        ("POST /shared/beside", ["beside_1", "beside_2"]),
        ("POST /shared/guarded", ["guarded::version_1", "unguarded::version_2"]),
    ];
    assert_eq!(warnings.len(), told.len(), "{warnings:#?}");
    for (warning, (route, handlers)) in warnings.iter().zip(told) {
        assert!(warning.contains(route) && warning.contains("`headers = …`"), "{warning}");
        for handler in handlers {
            assert!(warning.contains(&format!("it::shared_routes::{handler}")), "{warning}");
        }
    }
}
