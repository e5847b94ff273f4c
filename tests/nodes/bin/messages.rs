//! Effects of messages, by `once`. A result is told in the words of a handler's answer.

use std::{io, time::Duration};

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, post, web};
use idempotent_runtime::{Abandoned, Idempotency, Once, OnceError, RefusalCode};
use serde_json::json;

use crate::Effects;

const WAIT: Duration = Duration::from_secs(20);

#[post("/once/{abandoned}")]
pub(crate) async fn settle(
    request: HttpRequest,
    abandoned: web::Path<String>,
    body: String,
    effects: web::Data<Effects>,
) -> HttpResponse {
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let abandoned = match abandoned.as_str() {
        "rerun" => Abandoned::Rerun,
        _ => Abandoned::Refuse,
    };
    let Some(idempotency) = request.app_data::<Idempotency>() else {
        return HttpResponse::InternalServerError().finish();
    };
    let call = idempotency.once("settle", key).fingerprint(&body).wait(WAIT).abandoned(abandoned);
    answer(call.run(async |context| Ok((context.attempt(), effects.add(key, &body).await?))).await)
}

fn answer(told: Result<Once<(u32, String)>, OnceError<io::Error>>) -> HttpResponse {
    let made = |(attempt, made_by), is_replay: bool| {
        let mut made = HttpResponse::Created();
        if is_replay {
            made.insert_header(("Idempotent-Replayed", "true"));
        }
        made.insert_header(("X-Attempt", attempt)).body(made_by)
    };
    match told {
        Ok(Once::Ran(value)) => made(value, false),
        Ok(Once::Replayed(value)) => made(value, true),
        Ok(Once::OutcomeUnknown) => refused(HttpResponse::Conflict(), RefusalCode::OutcomeUnknown, false),
        Ok(Once::InProgress { .. }) => refused(HttpResponse::Conflict(), RefusalCode::InProgress, true),
        Err(OnceError::Unavailable { .. }) => {
            refused(HttpResponse::ServiceUnavailable(), RefusalCode::StoreUnavailable, true)
        }
        _ => HttpResponse::InternalServerError().finish(),
    }
}

fn refused(mut response: HttpResponseBuilder, code: RefusalCode, retryable: bool) -> HttpResponse {
    response.json(json!({ "code": code.as_str(), "retryable": retryable }))
}
