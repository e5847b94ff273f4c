//! Check that a guard keeps somebody out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix_web::{guard::Guard, http::Method, test::TestRequest};

/// True where `guard` admits a request that has no headers, no credentials and no address to come
/// from.
pub(super) fn admits_anybody(guard: &impl Guard) -> bool {
    [Method::GET, Method::POST].into_iter().any(|method| {
        let request = TestRequest::with_uri("/idempotency/policies").method(method).to_srv_request();
        // A guard that panics has not admitted the request.
        catch_unwind(AssertUnwindSafe(|| guard.check(&request.guard_ctx()))).unwrap_or(false)
    })
}
