//! OpenAPI documents of annotated handlers, and that servers do what the documents say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod key_sources;
mod merged;
mod names;
mod nested;
mod orderings;
mod policies;
mod scopes;
mod settings;
mod shared_routes;
mod told;
mod unprotected;

use serde_json::Value;
use utoipa::openapi::OpenApi;

/// The document as clients read it.
fn json(document: &OpenApi) -> Value {
    serde_json::to_value(document).unwrap()
}

/// An operation of the document, as clients read it.
fn operation(document: &OpenApi, path: &str, method: &str) -> Value {
    let document = json(document);
    let operation = document["paths"][path][method].clone();
    assert!(operation.is_object(), "{method} {path} in {document:#}");
    operation
}

/// The codes of which the response with this status has examples, in alphabetical order.
fn codes(operation: &Value, status: &str) -> Vec<String> {
    let content = operation["responses"][status]["content"].as_object();
    let examples = content.into_iter().flat_map(|content| content.values());
    let names = examples.filter_map(|content| content["examples"].as_object()).flat_map(|all| all.keys());
    names.cloned().collect()
}
