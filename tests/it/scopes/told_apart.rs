//! Endpoints below a middleware that tell callers or requests apart otherwise than it does: nobody
//! gets another's response.

use actix_web::{
    Error, HttpRequest,
    http::header::HeaderValue,
    web::{self, ServiceConfig},
};
use idempotent_runtime::{Idempotent, Principal, idempotent};

use super::{KEY, covered, create};
use crate::fixture::Effects;

async fn partner(request: HttpRequest) -> Result<Principal, Error> {
    Ok(Principal::new(request.headers().get("x-partner").map(HeaderValue::as_bytes).unwrap_or_default()))
}

#[idempotent(principal = "partner")]
async fn of_partners(effects: Effects) -> impl actix_web::Responder {
    create(effects).await
}

#[idempotent(headers = "X-Api-Version")]
async fn of_versions(effects: Effects) -> impl actix_web::Responder {
    create(effects).await
}

fn told_apart(app: &mut ServiceConfig) {
    let own = Idempotent::builder().principal(partner).build().unwrap();
    app.route("/partners", web::post().to(of_partners))
        .route("/versions", web::post().to(of_versions))
        .service(web::scope("/own").wrap(own).route("/orders", web::post().to(create)));
}

#[test]
fn what_tells_callers_apart_below_is_refused_and_says_what_to_except() {
    let server = covered(Idempotent::builder(), told_apart);
    for (path, argument) in
        [("/partners", "principal"), ("/versions", "headers"), ("/own/orders", "principal")]
    {
        for partner in ["X-Partner: a", "X-Partner: b"] {
            let reply = server.post(&format!("/v1{path}"), &[KEY, partner], b"");
            assert_eq!((reply.status, reply.is_replay()), (500, false), "{reply:?}");
            assert!(reply.text().contains(&format!("`{argument}`")), "{reply:?}");
        }
    }
    assert_eq!(server.effects(), 0);
}

#[test]
fn what_tells_callers_apart_is_in_force_where_it_is_excepted_or_the_middleware_does_it_too() {
    let builder = Idempotent::builder().except("/v1/partners").except("/v1/own/orders");
    let server = covered(builder.headers(["X-Api-Version"]), told_apart);
    for path in ["/v1/partners", "/v1/own/orders"] {
        let of = |partner| server.post(path, &[KEY, partner], b"");
        let (a, b) = (of("X-Partner: a"), of("X-Partner: b"));
        assert!(a.status == 201 && b.status == 201 && a.text() != b.text(), "{a:?} {b:?}");
        assert!(of("X-Partner: a").is_replay());
    }
    let of = |version| server.post("/v1/versions", &[KEY, version], b"");
    assert_eq!(of("X-Api-Version: 1").status, 201);
    assert_eq!(of("X-Api-Version: 2").code(), "key_reused");
}
