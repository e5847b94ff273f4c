//! Endpoints below a middleware that tell callers or requests apart otherwise than it does: nobody
//! gets another's response.

use std::time::Duration;

use actix_web::{
    Error, HttpRequest,
    http::header::HeaderValue,
    web::{self, ServiceConfig},
};
use idempotent_runtime::{Credential, Idempotency, Idempotent, MemoryStore, Principal, idempotent};

use super::{KEY, covered, create};
use crate::fixture::{Effects, serve};

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

#[idempotent]
async fn annotated(effects: Effects) -> impl actix_web::Responder {
    create(effects).await
}

#[test]
fn a_handle_below_that_tells_callers_apart_is_refused_and_says_by_what() {
    let by_partner = |request: &HttpRequest| {
        let partner = request.headers().get("x-partner").map(HeaderValue::as_bytes);
        Ok(Principal::new(partner.unwrap_or_default()))
    };
    // Handles that name no store have one in common.
    let app = Idempotency::builder().namespace("told apart").build().unwrap();
    let by_principal = app.with(|settings| settings.principal(by_partner)).unwrap();
    let elsewhere = Idempotency::builder().namespace("elsewhere").build().unwrap();
    let stored = Idempotency::builder().store(MemoryStore::new()).build().unwrap();
    let by_cookie = app.with(|settings| settings.credentials([Credential::cookie("id")])).unwrap();
    let weekly = app.with(|settings| settings.ttl(Duration::from_secs(7 * 24 * 3600))).unwrap();
    let idempotent = Idempotent::builder().build().unwrap();
    let handles = [
        ("principal", Some(by_principal)),
        ("namespace", Some(elsewhere)),
        ("store", Some(stored)),
        ("credentials", Some(by_cookie)),
        ("ttl", Some(weekly)),
        ("none", None),
    ];
    let server = serve(&app, move |config| {
        let mut scope = web::scope("/v1").wrap(idempotent.clone());
        for (path, handle) in handles.clone() {
            let resource = web::resource(format!("/{path}")).route(web::post().to(annotated));
            scope = scope.service(match handle {
                Some(handle) => resource.app_data(handle),
                None => resource,
            });
        }
        config.service(scope);
    });
    for (path, status) in [
        ("principal", 500),
        ("namespace", 500),
        ("store", 500),
        ("credentials", 500),
        ("ttl", 201),
        ("none", 201),
    ] {
        let reply = server.post(&format!("/v1/{path}"), &[KEY, "X-Partner: a"], b"");
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.text().contains(&format!("`{path}`")), status == 500, "{reply:?}");
    }
    assert_eq!(server.effects(), 2);
}

#[test]
fn a_handle_below_without_the_principal_of_the_scope_is_refused() {
    let of_tenant = |_: &HttpRequest| Ok(Principal::new("one for all"));
    let user = Idempotency::builder().namespace("told apart").build().unwrap();
    let tenant = user.with(|settings| settings.principal(of_tenant)).unwrap();
    let idempotent = Idempotent::builder().build().unwrap();
    let server = serve(&tenant, move |config| {
        let resource = web::resource("/orders").app_data(user.clone()).route(web::post().to(annotated));
        config.service(web::scope("/v1").wrap(idempotent.clone()).service(resource));
    });
    for user in ["Authorization: alice", "Authorization: bob"] {
        let reply = server.post("/v1/orders", &[KEY, user], b"");
        assert!(reply.status == 500 && reply.text().contains("`principal`"), "{reply:?}");
    }
}
