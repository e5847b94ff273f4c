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
            ttl: { ::core::option::Option::None },
            scope: ::idempotent_runtime::__private::Scope::Endpoint,
            required: ::core::option::Option::None,
            wait: ::core::option::Option::None,
            replay: ::core::option::Option::None,
            abandoned: ::core::option::Option::None,
            transaction: false,
            headers: &[],
        },
        __request,
        __payload,
        create_order
    ).await
}
