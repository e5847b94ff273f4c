//! Routes of the scope.

use actix_web::{HttpRequest, HttpResponse, Resource, Scope, web};

use super::{
    limit::within_limit,
    problem::{AdminResult, Problem},
    requests::{self, BODY_LIMIT, ForgetBody, ForgetTarget, InspectBody, PageRequest, ResolveBody},
    responses::{Counters, Done, EntryView, ForgottenCaller, Page, Policies, UsageView, ok},
};
use crate::{
    engine::Idempotency,
    operate::{CallerHash, EntryVersion, Forgotten, Resolved},
    request::Address,
};

/// Adds the routes to `scope`.
pub(super) fn mount(scope: Scope) -> Scope {
    scope
        .service(resource("/policies").route(web::get().to(policies)))
        .service(resource("/counters").route(web::get().to(counters)))
        .service(resource("/usage").route(web::get().to(usage)))
        .service(resource("/stuck").route(web::get().to(stuck)))
        .service(resource("/inspect").route(web::post().to(inspect)))
        .service(resource("/forget").route(web::post().to(forget)))
        .service(resource("/resolve").route(web::post().to(resolve)))
        .default_service(web::to(async || AdminResult::Err(Problem::no_route())))
}

fn resource(path: &str) -> Resource {
    web::resource(path).default_service(web::to(async || AdminResult::Err(Problem::no_method())))
}

async fn policies(request: HttpRequest) -> HttpResponse {
    ok(&Policies::of(Idempotency::of(&request)))
}

async fn counters(request: HttpRequest) -> HttpResponse {
    ok(&Counters::from(Idempotency::of(&request).sample()))
}

async fn usage(request: HttpRequest) -> AdminResult {
    let app = Idempotency::of(&request).clone();
    within_limit(app, async move |app| Ok(ok(&UsageView::from(app.usage().await?)))).await
}

async fn stuck(request: HttpRequest) -> AdminResult {
    let app = Idempotency::of(&request).clone();
    let PageRequest { limit, after, endpoint } = requests::page(&request)?;
    within_limit(app, async move |app| {
        let page = app.list_stuck(endpoint.as_deref(), after.as_ref(), limit).await?;
        Ok(ok(&Page::from(page)))
    })
    .await
}

async fn inspect(request: HttpRequest, payload: web::Payload) -> AdminResult {
    let app = Idempotency::of(&request).clone();
    let settings = &app.0.settings;
    let body: InspectBody = requests::read(&request, payload, BODY_LIMIT, settings).await?;
    let address = body.entry.address(settings)?;
    within_limit(app, async move |app| {
        let entry = app.inspect(address).await?.ok_or(Problem::not_found())?;
        Ok(ok(&EntryView::from(entry)))
    })
    .await
}

async fn forget(request: HttpRequest, payload: web::Payload) -> AdminResult {
    let app = Idempotency::of(&request).clone();
    let settings = &app.0.settings;
    let body: ForgetBody = requests::read(&request, payload, BODY_LIMIT, settings).await?;
    match body.target(settings)? {
        ForgetTarget::Entry(address, version) => forget_entry(app, address, version).await,
        ForgetTarget::Caller(caller) => forget_caller(app, caller).await,
    }
}

async fn forget_entry(app: Idempotency, address: Address, version: EntryVersion) -> AdminResult {
    within_limit(app, async move |app| match app.forget(address, version).await? {
        Forgotten::Done => Ok(ok(&Done { address })),
        Forgotten::NotFound => Err(Problem::not_found()),
        Forgotten::Running { lease_left } => Err(Problem::running(lease_left)),
        Forgotten::Changed(entry) => Err(Problem::changed(entry)),
    })
    .await
}

async fn forget_caller(app: Idempotency, caller: CallerHash) -> AdminResult {
    within_limit(app, async move |app| {
        let freed = app.forget_caller(caller).await?.ok_or(Problem::no_caller())?;
        Ok(ok(&ForgottenCaller { caller, keys: freed.keys, bytes: freed.bytes }))
    })
    .await
}

async fn resolve(request: HttpRequest, payload: web::Payload) -> AdminResult {
    let app = Idempotency::of(&request).clone();
    let limit = app.0.settings.max_response_body.saturating_mul(2).saturating_add(BODY_LIMIT);
    let body: ResolveBody = requests::read(&request, payload, limit, &app.0.settings).await?;
    let (entry, resolution) = body.parts()?;
    let address = entry.address(&app.0.settings)?;
    within_limit(app, async move |app| match app.resolve(address, resolution).await? {
        Resolved::Done => Ok(ok(&Done { address })),
        Resolved::NotFound => Err(Problem::not_found()),
        Resolved::Running { lease_left } => Err(Problem::running(lease_left)),
        Resolved::Settled => Err(Problem::settled()),
    })
    .await
}
