//! Access for the shop's operators, who see and end executions at `/idempotency`, or on the page
//! `/idempotency/console`, if `ADMIN_TOKEN` says who they are.

use std::env;

use actix_web::{
    guard::{Guard, GuardContext},
    http::header::AUTHORIZATION,
    web,
};
use idempotent_examples::give_up;
use idempotent_runtime::admin::{admin_scope, console};

/// Operators: everybody who knows the token.
#[derive(Clone)]
pub(crate) struct Operators {
    credentials: String,
}

impl Operators {
    /// None, where there is no token.
    pub(crate) fn from_environment() -> Option<Self> {
        match env::var("ADMIN_TOKEN").ok()?.as_str() {
            "" => give_up("ADMIN_TOKEN is empty: anybody could send that"),
            token => Some(Operators { credentials: format!("Bearer {token}") }),
        }
    }

    /// Mounts the scope for them, and its page, which asks for the token itself.
    pub(crate) fn mount(&self, app: &mut web::ServiceConfig) {
        app.service(admin_scope(self.clone())).service(console());
    }
}

impl Guard for Operators {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        let sent = context.head().headers().get(AUTHORIZATION);
        sent.is_some_and(|sent| is_same(sent.as_bytes(), self.credentials.as_bytes()))
    }
}

/// Compares in a time that does not tell where they differ.
fn is_same(sent: &[u8], secret: &[u8]) -> bool {
    sent.len() == secret.len() && sent.iter().zip(secret).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
