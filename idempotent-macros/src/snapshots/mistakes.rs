::core::compile_error! { "`ttl` is a string in quotes; write `ttl = \"24h\"`" }
::core::compile_error! { "a handler is asynchronous; write `async fn`" }
#[post("/")]
async fn create() -> HttpResponse { half typed. }
