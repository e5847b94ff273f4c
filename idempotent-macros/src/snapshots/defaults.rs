#[post("/orders")]
pub(crate) async fn create_order(
    __request: ::idempotent_runtime::__private::HttpRequest,
    __payload: ::idempotent_runtime::__private::Payload
) -> ::idempotent_runtime::__private::HttpResponse {
    #[tracing::instrument(skip(order))]
    async fn create_order(order: web::Json<NewOrder>) -> impl Responder {
        HttpResponse::Created().json(order)
    }
    ::idempotent_runtime::__private::run(
        ::idempotent_runtime::__private::policy! {
            __path_create_order Raw Application Application [{ method: "POST", pattern: "/orders", guards: &[] }];
            handler: ::core::concat!(::core::module_path!(), "::", "create_order"),
            ttl: { ::idempotent_runtime::__private::Duration::from_secs(86400u64) },
            scope: ::idempotent_runtime::__private::Scope::Endpoint,
            required: true,
            wait: ::idempotent_runtime::__private::Duration::from_millis(10000u64),
            replay: ::idempotent_runtime::__private::Replay::All,
            abandoned: ::idempotent_runtime::__private::Abandoned::Refuse,
            transaction: false,
            headers: &[],
        },
        __request,
        __payload,
        create_order
    ).await
}
