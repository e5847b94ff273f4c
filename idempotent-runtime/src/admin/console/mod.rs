//! A page on which people use the admin scope.

mod files;

use actix_web::{
    HttpResponse, Resource, Scope,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, CROSS_ORIGIN_OPENER_POLICY,
        CROSS_ORIGIN_RESOURCE_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
    web,
};

use self::files::{FILES, File, PAGE};

/// Path of the page, among the routes of the admin scope.
const PATH: &str = "/idempotency/console";

/// Policy of the page: it loads its own files, and asks its own origin. Nothing inline runs, no
/// text becomes HTML, no form is sent, and no other page may hold it in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// Makes the page `/idempotency/console`, on which people use the
/// [admin scope](super::admin_scope).
///
/// It is mounted beside the scope, before or after it. The page lists the stuck keys, with what can
/// be done about each, looks keys up, resolves and forgets them, and shows counters and policies.
/// [The guide](crate::guide::console) has pictures of it.
///
/// ```
/// use actix_web::{App, guard::Header};
/// use idempotent_runtime::{Idempotency, admin::{admin_scope, console}};
///
/// # fn main() -> Result<(), idempotent_runtime::BuildError> {
/// let idempotency = Idempotency::builder().build()?;
/// # static TOKEN: &str = "Bearer 5f2c";
/// let operators = admin_scope(Header("authorization", TOKEN));
/// let app = App::new().app_data(idempotency.clone()).service(operators).service(console());
/// # let _ = app;
/// # Ok(()) }
/// ```
///
/// # What to know
///
/// - The page is the same for everybody, and holds no data: the scope's guard protects that. So it
///   needs no guard of its own. It is a [`Scope`], which takes one all the same, and middleware.
/// - A browser sends no token when it opens a page. So the page asks for one, sends it to the scope
///   as `Authorization: Bearer`, and has it in its memory alone. Where the guard admits the browser
///   without one (by its address, or by a cookie), the page does not ask.
/// - The page loads nothing from elsewhere, and its `Content-Security-Policy` lets it load nothing.
///   It cannot be shown in a frame. Its routes may not be cached.
/// - Keys and principals that were looked up leave the page once their entry is found. They are
///   sent in the bodies of requests, and are in no URL.
pub fn console() -> Scope {
    let scope = Scope::new(PATH).service(resource("", &PAGE)).service(web::redirect("/", "../console"));
    FILES.iter().fold(scope, |scope, file| scope.service(resource(&format!("/{}", file.name), file)))
}

/// True where `path` is that of the page, or of a file of the page, wherever it is mounted.
pub(super) fn is_at(path: &str) -> bool {
    path.split_once(PATH).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('/'))
}

fn resource(path: &str, file: &'static File) -> Resource {
    let answer = move || async move { response(file) };
    web::resource(path).route(web::get().to(answer)).route(web::head().to(answer))
}

fn response(file: &File) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.content_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
        .insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(file.text)
}
