//! The endpoints: a charge is created, retrieved and listed as the SDKs expect it.

use actix_web::{HttpRequest, HttpResponse, Responder, get, http::header, post, web};
use idempotent_runtime::idempotent;
use serde_json::json;

use crate::{
    bank::{Bank, NewCharge},
    errors::ApiError,
};

/// The fields of a form, in their order: `metadata[order]` is a name like any other.
pub(crate) type Fields = Vec<(String, String)>;

/// Charges a card.
///
/// A client that sends the same charge while it is under way is told so at once, as Stripe does.
/// Without `wait` it would get the answer, up to ten seconds later, and spare a try.
#[post("/v1/charges")]
#[idempotent(ttl = "24h", scope = "endpoint", wait = "0s", fingerprint = "sorted")]
pub(crate) async fn create_charge(
    fields: web::Form<Fields>,
    request: HttpRequest,
    bank: web::Data<Bank>,
) -> Result<impl Responder, ApiError> {
    let account = account(&request)?;
    Ok(web::Json(bank.charge(account, NewCharge::read(&fields)?).await?))
}

/// All charges of the account, in one page.
#[get("/v1/charges")]
pub(crate) async fn list_charges(
    request: HttpRequest,
    bank: web::Data<Bank>,
) -> Result<impl Responder, ApiError> {
    let charges = bank.charges(account(&request)?);
    let list = json!({ "object": "list", "url": "/v1/charges", "has_more": false, "data": charges });
    Ok(HttpResponse::Ok().json(list))
}

#[get("/v1/charges/{id}")]
pub(crate) async fn retrieve_charge(
    id: web::Path<String>,
    request: HttpRequest,
    bank: web::Data<Bank>,
) -> Result<impl Responder, ApiError> {
    let mut charges = bank.charges(account(&request)?).into_iter();
    charges.find(|charge| charge.id == *id).map(web::Json).ok_or_else(|| ApiError::no_such_charge(&id))
}

/// Body in the form in which two requests are compared. They are the same when their fields are, in
/// whatever order a restarted program has put them. Fields of one name (`items[]`) are a list, and
/// stay in their order. A body that is no form is compared as it is.
pub(crate) fn sorted(_: &HttpRequest, body: &[u8]) -> Vec<u8> {
    let fields = str::from_utf8(body).ok().and_then(|text| web::Query::<Fields>::from_query(text).ok());
    let Some(mut fields) = fields else { return body.to_vec() };
    fields.sort_by(|(left, _), (right, _)| left.cmp(right));
    json!(*fields).to_string().into_bytes()
}

/// The account that a secret key belongs to. The key comes as a bearer token or as the user name of
/// basic authentication.
pub(crate) fn account(request: &HttpRequest) -> Result<&'static str, ApiError> {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match authorization {
        Some("Bearer sk_test_shop" | "Bearer sk_test_shop_new") => Ok("acct_shop"),
        // What curl makes of `-u sk_test_shop:` and `-u sk_test_shop_new:`.
        Some("Basic c2tfdGVzdF9zaG9wOg==" | "Basic c2tfdGVzdF9zaG9wX25ldzo=") => Ok("acct_shop"),
        Some("Bearer sk_test_other") => Ok("acct_other"),
        _ => Err(ApiError::unauthorized()),
    }
}
