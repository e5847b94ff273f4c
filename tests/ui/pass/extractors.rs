#![deny(warnings)]

use actix_web::{HttpRequest, HttpResponse, dev, http::header, web};
use idempotent_runtime::idempotent;

#[derive(serde::Deserialize)]
struct Order {
    number: u32,
}

#[derive(Clone)]
struct User;

type Connection = dev::ConnectionInfo;

#[idempotent]
async fn none() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[idempotent]
#[allow(clippy::too_many_arguments)]
async fn twelve(
    path: web::Path<(String, u32)>,
    query: web::Query<Order>,
    web::Json(json): web::Json<Order>,
    _form: Option<web::Form<Order>>,
    _data: web::Data<User>,
    _header: web::Header<header::ContentType>,
    mut _request: HttpRequest,
    _bytes: web::Bytes,
    _text: Result<String, actix_web::Error>,
    _connection: Connection,
    _user: web::ReqData<User>,
    _method: (actix_web::http::Method, actix_web::http::Uri),
) -> HttpResponse {
    HttpResponse::Created().body(format!("{} {} {} {}", path.0, path.1, query.number, json.number))
}

#[idempotent]
async fn payload(payload: web::Payload, request: HttpRequest) -> HttpResponse {
    drop((payload, request));
    HttpResponse::Created().finish()
}

#[idempotent]
async fn either(order: web::Either<web::Json<Order>, web::Form<Order>>) -> HttpResponse {
    HttpResponse::Created().body(order.into_inner().number.to_string())
}

fn main() {
    let _ = web::post().to(none);
    let _ = web::post().to(twelve);
    let _ = web::post().to(payload);
    let _ = web::post().to(either);
}
