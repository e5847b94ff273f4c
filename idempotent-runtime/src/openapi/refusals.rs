//! Refusals that a policy can give, below what is documented for their status already.
//!
//! Each one is taken from the response that the server would send, so statuses, formats and
//! examples are the server's own.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    body::MessageBody,
    http::header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Content, ObjectBuilder, OpenApi, Ref, RefOr, Response, Type, example::ExampleBuilder,
        path::Operation, schema::AnyOfBuilder,
    },
};

use super::{
    headers,
    shared::resolved,
    terms::{Terms, may_be_stored, status_name},
};
use crate::{
    policy::Policy,
    reason::RefusalCode,
    request::{KeyFormat, key::parse_key},
    response::refusal::{Format, Problem, SHOULD_RETRY, Simple},
};

/// One refusal as it is sent.
struct Sample {
    code: RefusalCode,
    title: &'static str,
    retry_after: bool,
    should_not_retry: bool,
    content_type: Option<String>,
    body: Value,
}

/// Adds the refusals to an operation of `openapi`, and their schema to its components.
pub(super) fn describe(operation: &mut Operation, openapi: &mut OpenApi, policy: &Policy, terms: &Terms) {
    let schema = schema(openapi.components.get_or_insert_default(), terms);
    for (status, samples) in samples(policy, terms) {
        let mut response = documented(operation, openapi.components.as_ref(), &status);
        if !may_be_stored(policy, terms, &status) {
            headers::remove_of_replays(&mut response);
        }
        add_to(&mut response, &samples, schema.as_ref());
        operation.responses.responses.insert(status, RefOr::T(response));
    }
}

fn samples(policy: &Policy, terms: &Terms) -> BTreeMap<String, Vec<Sample>> {
    let mut samples = BTreeMap::<_, Vec<_>>::new();
    for code in terms.codes(policy) {
        let key = match code {
            RefusalCode::KeyMissing | RefusalCode::KeyInvalid => None,
            _ => parse_key(headers::example(terms).as_bytes(), KeyFormat::Uuid).ok(),
        };
        let response = terms.refusals.sample(code, policy, key.as_ref());
        samples.entry(status_name(response.status())).or_default().push(Sample::new(code, response));
    }
    samples
}

impl Sample {
    fn new(code: RefusalCode, response: HttpResponse) -> Self {
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type =
            content_type.map(|value| value.split(';').next().unwrap_or(value).trim().to_owned());
        let retry_after = response.headers().contains_key(RETRY_AFTER);
        let should_not_retry = response.headers().contains_key(SHOULD_RETRY);
        let body = response.into_body().try_into_bytes().unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
        Sample { code, title: code.title(), retry_after, should_not_retry, content_type, body }
    }
}

/// Schema of the application's format, by its name in the components. `None` for a format that only
/// the application knows.
fn schema(components: &mut Components, terms: &Terms) -> Option<Ref> {
    let (name, schema) = match terms.refusals.format.0 {
        Format::Problem => (Problem::name(), Problem::schema()),
        Format::Simple => (Simple::name(), Simple::schema()),
        Format::Custom(_) => return None,
    };
    components.schemas.entry(name.to_string()).or_insert(schema);
    Some(Ref::from_schema_name(name))
}

/// Documentation of a status so far. It is that of the status itself, or else that of `4XX` or
/// `default`, since an entry of its own takes precedence.
fn documented(operation: &Operation, components: Option<&Components>, status: &str) -> Response {
    let class = format!("{}XX", &status[..1]);
    let names = [status, &class, "default"];
    let found = names.iter().find_map(|name| operation.responses.responses.get(*name));
    found.and_then(|found| resolved(found, components)).cloned().unwrap_or_default()
}

fn add_to(response: &mut Response, samples: &[Sample], schema: Option<&Ref>) {
    let lines = samples.iter().map(|sample| format!("- `{}`: {}", sample.code.as_str(), sample.title));
    let mut description: Vec<_> =
        Some(response.description.clone()).filter(|text| !text.is_empty()).into_iter().collect();
    description.extend(lines);
    response.description = description.join("\n");
    if samples.iter().any(|sample| sample.retry_after) {
        let description = "Seconds to wait before the request is sent again with the same key.";
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        headers::add(response, RETRY_AFTER, seconds.build().into(), description);
    }
    if samples.iter().any(|sample| sample.should_not_retry) {
        headers::add(
            response,
            SHOULD_RETRY,
            headers::only("false"),
            "`false` on a refusal that no retry mends.",
        );
    }
    let mut types: Vec<_> = samples.iter().filter_map(|sample| sample.content_type.as_deref()).collect();
    types.sort_unstable();
    types.dedup();
    for content_type in types {
        let content = response.content.entry(content_type.to_owned());
        let RefOr::T(content) = content.or_insert_with(|| Content::default().into()) else { continue };
        merge_schema(content, schema);
        for sample in samples.iter().filter(|sample| sample.content_type.as_deref() == Some(content_type)) {
            let example = ExampleBuilder::new().summary(sample.title).value(Some(sample.body.clone()));
            content.examples.insert(sample.code.as_str().to_owned(), example.into());
        }
    }
}

/// Adds our schema to a content type. A schema that was documented before stays, as one of two
/// possible ones.
fn merge_schema(content: &mut Content, ours: Option<&Ref>) {
    // A single example and several exclude each other.
    if let Some(example) = content.example.take() {
        let example = ExampleBuilder::new().value(Some(example));
        content.examples.insert("documented".to_owned(), example.into());
    }
    let is_new = content.schema.is_none() && content.examples.is_empty();
    content.schema = match (content.schema.take(), ours) {
        (None, Some(ours)) if is_new => Some(ours.clone().into()),
        (Some(theirs), Some(ours)) if theirs != RefOr::Ref(ours.clone()) => {
            Some(AnyOfBuilder::new().item(theirs).item(ours.clone()).into())
        }
        (theirs, Some(_)) => theirs,
        // Nothing is known of the application's format, so nothing else may be excluded.
        (_, None) => None,
    };
}
