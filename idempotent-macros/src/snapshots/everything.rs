async fn create<'a, R: Repo, const N: usize>(
    __request: ::idempotent_runtime::__private::HttpRequest,
    __payload: ::idempotent_runtime::__private::Payload
) -> ::idempotent_runtime::__private::HttpResponse
where R: 'a
{
    async fn create<'a, R: Repo, const N: usize>(repo: Data<R>) -> HttpResponse where R: 'a { todo }
    ::idempotent_runtime::__private::run(
        ::idempotent_runtime::__private::policy! {
            __path_create Function(crate::by_number) Function(crate::caller) Json { "/data/id" } [];
            handler: ::core::concat!(::core::module_path!(), "::", "create"),
            ttl: {
                ::idempotent_runtime::__private::ttl_under_24_hours();
                ::core::option::Option::Some(::idempotent_runtime::__private::Duration::from_secs(5400u64))
            },
            scope: ::idempotent_runtime::__private::Scope::Group("payments"),
            required: ::core::option::Option::Some(false),
            wait: ::core::option::Option::Some(::idempotent_runtime::__private::Duration::from_secs(0u64)),
            replay: ::core::option::Option::Some(::idempotent_runtime::__private::Replay::Success),
            abandoned: ::core::option::Option::Some(::idempotent_runtime::__private::Abandoned::Rerun),
            transaction: false,
            headers: &["accept", "x-api-version"],
        },
        __request,
        __payload,
        create::<R, N>
    ).await
}
