//! The document that clients read, and the errors that it names beside the shop's own.

use actix_web::{
    HttpRequest, HttpResponse, Responder, ResponseError,
    error::{InternalError, JsonPayloadError, PathError},
    http::StatusCode,
    web::{self, ServiceConfig},
};
use idempotent_runtime::{
    Idempotency,
    openapi::{Ambiguous, Documentation},
};
use serde::Serialize;
use utoipa::{ToSchema, openapi::OpenApi};

/// Path of the document.
const PATH: &str = "/openapi.json";

/// The document with what the attributes and the settings say of idempotency.
pub(crate) fn of(mut document: OpenApi, idempotency: &Idempotency) -> Result<OpenApi, Ambiguous> {
    document.info.title = "Orders".to_owned();
    document.info.description = Some("A shop whose endpoints are safe to retry.".to_owned());
    Documentation::of(idempotency).add_to(&mut document)?;
    Ok(document)
}

/// Serves the document, and with feature `swagger-ui` a page that shows it.
pub(crate) fn serve(app: &mut ServiceConfig, document: &OpenApi) {
    app.app_data(web::Data::new(document.clone())).route(PATH, web::get().to(read));
    #[cfg(feature = "swagger-ui")]
    app.service(utoipa_swagger_ui::SwaggerUi::new("/swagger-ui/{_:.*}").config(PATH.into()));
}

async fn read(document: web::Data<OpenApi>) -> impl Responder {
    web::Json(document)
}

/// Answer to a request that could not be read, or that asks for an order that is not there.
#[derive(Serialize, ToSchema)]
pub(crate) struct Unreadable {
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
}

impl Unreadable {
    pub(crate) fn no_order() -> Self {
        Unreadable { error: "there is no such order", detail: None }
    }
}

/// Errors of the JSON extractor, as JSON. The handler has not begun, so the key stays free for the
/// corrected request.
pub(crate) fn bad_json(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    let body = Unreadable { error: "not what this endpoint reads", detail: Some(error.to_string()) };
    unreadable(error.status_code(), body)
}

/// Errors of the path extractor, as JSON. A text that is not even the number of an order is no
/// order.
pub(crate) fn bad_path(_: PathError, _: &HttpRequest) -> actix_web::Error {
    unreadable(StatusCode::NOT_FOUND, Unreadable::no_order())
}

fn unreadable(status: StatusCode, body: Unreadable) -> actix_web::Error {
    let response = HttpResponse::build(status).json(&body);
    InternalError::from_response(body.error, response).into()
}
