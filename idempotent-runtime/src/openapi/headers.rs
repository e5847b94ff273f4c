//! The key that a request carries, and the headers that its response may carry.

use utoipa::openapi::{
    Components, Header, Object, ObjectBuilder, RefOr, Required, Response, Schema, SchemaFormat, Type,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
};

use super::{
    shared::resolved,
    terms::{Terms, may_be_stored},
};
use crate::{
    policy::{KeySource, Policy},
    request::KeyFormat,
};

/// A key as clients send one.
const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/// A key as clients send one where it has to tell its time.
const TIMED_KEY: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

const REPLAYED: &str = "idempotent-replayed";
const STORED: &str = "idempotency-stored";

/// Pattern of a key between quotes, or one without them, with the characters that each may hold.
const SYNTAX: &str = r#"^("([ !#-\[\]-~]|\\["\\])+"|[!#-+\--~]+)$"#;

/// Documents the key that an operation reads, and the headers that it sends.
pub(super) fn describe(
    operation: &mut Operation,
    components: Option<&Components>,
    policy: &Policy,
    terms: &Terms,
) {
    match place(policy, terms) {
        Place::Parameter(of, name) => describe_parameter(operation, of, &name, policy, terms),
        Place::Body(noun) => describe_body(operation, &noun, policy, terms),
    }
    let responses = operation.responses.responses.iter_mut();
    for (_, response) in responses.filter(|(status, _)| may_be_stored(policy, terms, status)) {
        // A shared response is written out here, because operations without a policy share it too.
        if let Some(mut own) = resolved(response, components).cloned() {
            add_response_headers(&mut own);
            *response = RefOr::T(own);
        }
    }
}

/// Place of the key, as documents know places.
enum Place {
    Parameter(ParameterIn, String),
    /// A part of the body, or what only the endpoint's function knows.
    Body(String),
}

fn place(policy: &Policy, terms: &Terms) -> Place {
    match policy.key {
        KeySource::Application => {
            Place::Parameter(ParameterIn::Header, terms.header_name.as_str().to_owned())
        }
        KeySource::Header(name) => Place::Parameter(ParameterIn::Header, name.to_ascii_lowercase()),
        KeySource::Query(name) => Place::Parameter(ParameterIn::Query, name.to_owned()),
        KeySource::Json(pointer) => Place::Body(format!("the value at `{pointer}` in the JSON body")),
        KeySource::Form(name) => Place::Body(format!("the field `{name}` of the form")),
        KeySource::Function(_) => Place::Body("a part of the request that the server knows".to_owned()),
    }
}

/// Documents the key as a parameter, or completes the one that is documented.
fn describe_parameter(
    operation: &mut Operation,
    of: ParameterIn,
    name: &str,
    policy: &Policy,
    terms: &Terms,
) {
    let parameters = operation.parameters.get_or_insert_default();
    match parameters.iter_mut().find_map(|parameter| the_key(parameter, &of, name)) {
        Some(parameter) => complete(parameter, policy, terms),
        None => parameters.push(parameter(of, name, policy, terms).into()),
    }
}

/// Says in an operation's description which part of its body is the key.
fn describe_body(operation: &mut Operation, noun: &str, policy: &Policy, terms: &Terms) {
    let mut description = operation.description.take().map(|text| text + "\n\n").unwrap_or_default();
    description += &format!("The idempotency key is {noun}. {}", self::description(policy, terms));
    operation.description = Some(description);
}

/// The parameter, if it is the key's. `#[utoipa::path]` writes none by reference.
fn the_key<'a>(
    parameter: &'a mut RefOr<Parameter>,
    of: &ParameterIn,
    name: &str,
) -> Option<&'a mut Parameter> {
    let RefOr::T(parameter) = parameter else { return None };
    let is_named = match of {
        ParameterIn::Header => parameter.name.eq_ignore_ascii_case(name),
        _ => parameter.name == name,
    };
    (parameter.parameter_in == *of && is_named).then_some(parameter)
}

/// Completes a parameter. Documentation by hand stays, but the policy decides whether the key is
/// required.
fn complete(parameter: &mut Parameter, policy: &Policy, terms: &Terms) {
    parameter.required = required(policy, terms);
    parameter.description.get_or_insert_with(|| description(policy, terms));
    parameter.schema.get_or_insert_with(|| schema(policy, terms).into());
}

fn parameter(of: ParameterIn, name: &str, policy: &Policy, terms: &Terms) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(of)
        .required(required(policy, terms))
        .description(Some(description(policy, terms)))
        .schema(Some(schema(policy, terms)))
        .example(Some(example(terms).into()))
        .build()
}

/// A key of the form that is asked for.
pub(super) fn example(terms: &Terms) -> &'static str {
    match terms.key_format {
        KeyFormat::Any | KeyFormat::Uuid => KEY,
        KeyFormat::UuidV7 { .. } => TIMED_KEY,
    }
}

fn required(policy: &Policy, terms: &Terms) -> Required {
    if policy.required(&terms.defaults) { Required::True } else { Required::False }
}

fn description(policy: &Policy, terms: &Terms) -> String {
    let seconds = policy.ttl(&terms.defaults).as_secs();
    let without = match policy.required(&terms.defaults) {
        true => "",
        false => " Without one, a request that is sent again is executed again.",
    };
    let form = match terms.key_format {
        KeyFormat::UuidV7 { max_age } => {
            format!(
                " It is a UUID of version 7, and is refused {} seconds after the time that it tells.",
                max_age.as_secs()
            )
        }
        KeyFormat::Any | KeyFormat::Uuid => String::new(),
    };
    format!(
        "A unique value for each operation, sent again when the operation is retried: for {seconds} seconds the first response is then \
         replayed, and nothing is executed again.{form}{without}"
    )
}

fn schema(policy: &Policy, terms: &Terms) -> Object {
    let string = ObjectBuilder::new().schema_type(Type::String);
    let string = match terms.key_format {
        KeyFormat::Any => string.pattern(Some(syntax(policy.key))).min_length(Some(1)).max_length(Some(255)),
        KeyFormat::Uuid | KeyFormat::UuidV7 { .. } => {
            string.format(Some(SchemaFormat::Custom("uuid".to_owned())))
        }
    };
    string.build()
}

/// Pattern of a key: quotes are a matter of headers.
fn syntax(source: KeySource) -> &'static str {
    match source {
        KeySource::Application | KeySource::Header(_) => SYNTAX,
        _ => "^[ -~]+$",
    }
}

/// Removes the headers that were documented for a range of statuses, from one that is never stored.
pub(super) fn remove_of_replays(response: &mut Response) {
    response.headers.retain(|name, _| name != REPLAYED && name != STORED);
}

fn add_response_headers(response: &mut Response) {
    let replayed = "`true` on a replay: the response to an earlier request with the same key.";
    let stored =
        "`false` where the response could not be stored: a request with the same key will be refused.";
    for (name, value, description) in [(REPLAYED, "true", replayed), (STORED, "false", stored)] {
        add(response, name, only(value), description);
    }
}

/// Describes a header of a response, unless it is described already.
pub(super) fn add(response: &mut Response, name: impl AsRef<str>, schema: Schema, description: &str) {
    let header = Header::builder().schema(Some(schema)).description(Some(description)).build();
    response.headers.entry(name.as_ref().to_owned()).or_insert_with(|| header.into());
}

/// Schema of a text that is always the same.
pub(super) fn only(value: &str) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([value])).build().into()
}
