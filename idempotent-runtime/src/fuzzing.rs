//! Properties that hold for every input, as functions that a fuzzer calls with any bytes. They
//! panic where a property does not hold.
//!
//! Not part of the public API: only the fuzz targets outside the workspace and the test that runs
//! their corpus use it.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde::de::IgnoredAny;

use crate::clock::Timestamp;
use crate::request::KeyFormat;
use crate::request::fingerprint::{form, json, multipart};
use crate::request::key::{Key, KeyRules, read_key};

/// A key has 1 to 255 visible characters, and quoting it gives the same key. `data` is a header's
/// value.
pub fn key(data: &[u8]) {
    let Some(key) = key_of(data) else { return };
    let bytes = key.as_bytes();
    assert!((1..=255).contains(&bytes.len()), "a key has 1 to 255 characters");
    assert!(bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), "the characters of a key are visible");
    let quoted = format!("\"{}\"", key.as_str().replace('\\', "\\\\").replace('"', "\\\""));
    assert!(key_of(quoted.as_bytes()) == Some(key), "quoting a key does not change it");
}

fn key_of(header: &[u8]) -> Option<Key> {
    const NAME: HeaderName = HeaderName::from_static("idempotency-key");
    let mut headers = HeaderMap::new();
    headers.insert(NAME, HeaderValue::from_bytes(header).ok()?);
    let rules = KeyRules { format: KeyFormat::Any, now: || Timestamp::from_millis(0) };
    read_key(&headers, &NAME, rules).ok()
}

/// Canonical forms are what they are called. `data` is a body, read as JSON, as a form, and, after
/// a first line that is its boundary, as a multipart form.
pub fn canonical(data: &[u8]) {
    canonical_json(data);
    canonical_form(data);
    canonical_multipart(data);
}

fn canonical_json(body: &[u8]) {
    let Some(text) = json::canonical(body) else { return };
    let is_json = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_ok();
    assert!(is_json(body), "only JSON has a canonical form");
    assert!(is_json(&text), "a canonical form is JSON");
    assert!(json::canonical(&text) == Some(text), "a canonical form is its own canonical form");
}

fn canonical_form(body: &[u8]) {
    let encode = |bytes: &[u8]| percent_encode(bytes, NON_ALPHANUMERIC).to_string();
    let fields: Vec<_> = form::fields(body).collect();
    let encoded: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    assert!(form::fields(encoded.join("&").as_bytes()).eq(fields), "encoding a form anew does not change it");
}

fn canonical_multipart(data: &[u8]) {
    const OTHER: &str = "another-boundary";
    let mut lines = data.splitn(2, |&byte| byte == b'\n');
    let (Some(boundary), Some(body)) = (lines.next(), lines.next()) else { return };
    let Ok(boundary) = str::from_utf8(boundary) else { return };
    let Some(parts) = multipart::parts(body, boundary) else { return };
    let delimiter = format!("\r\n--{boundary}");
    let moved = replace(&[b"\r\n", body].concat(), delimiter.as_bytes(), format!("\r\n--{OTHER}").as_bytes());
    if !body.windows(OTHER.len()).any(|window| window == OTHER.as_bytes()) {
        assert!(
            multipart::parts(&moved[2..], OTHER) == Some(parts),
            "another boundary does not change a form"
        );
    }
}

fn replace(mut text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::new();
    while let Some((first, rest)) = text.split_first() {
        if let Some(rest) = text.strip_prefix(from) {
            replaced.extend_from_slice(to);
            text = rest;
        } else {
            replaced.push(*first);
            text = rest;
        }
    }
    replaced
}

/// A record that can be read can be answered; anything else is refused, never a panic. `data` is
/// what a store kept.
pub fn record(data: &[u8]) {
    use crate::{response::record, store::Record};
    let kept = Record::from_bytes(data.to_vec());
    if let Ok(record::Recorded::Response(replay)) = record::read(&kept) {
        let response = replay.into_response();
        assert!((100..1000).contains(&response.status().as_u16()), "a status has three digits");
    }
}
