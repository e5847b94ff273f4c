//! The guide's page of refusals has a section per code, with the refusal as it is sent.

use std::time::Duration;

use actix_web::{body::to_bytes, http::StatusCode};
use serde_json::Value;

use super::{InForce, ProblemFormat, refusal::RefusalSettings};
use crate::policy::Policy;
use crate::reason::{Reason, RefusalCode};

/// The code after this one; together they are all codes.
fn next(code: RefusalCode) -> Option<RefusalCode> {
    Some(match code {
        RefusalCode::KeyMissing => RefusalCode::KeyInvalid,
        RefusalCode::KeyInvalid => RefusalCode::BodyTooLarge,
        RefusalCode::BodyTooLarge => RefusalCode::KeyReused,
        RefusalCode::KeyReused => RefusalCode::InProgress,
        RefusalCode::InProgress => RefusalCode::OutcomeUnknown,
        RefusalCode::OutcomeUnknown => RefusalCode::ResponseNotStored,
        RefusalCode::ResponseNotStored => RefusalCode::KeyExpired,
        RefusalCode::KeyExpired => RefusalCode::StoreUnavailable,
        RefusalCode::StoreUnavailable => RefusalCode::StoreFull,
        RefusalCode::StoreFull => RefusalCode::TooManyKeys,
        RefusalCode::TooManyKeys => RefusalCode::ShuttingDown,
        RefusalCode::ShuttingDown => RefusalCode::BodyTimeout,
        RefusalCode::BodyTimeout => return None,
    })
}

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/errors.md");
    std::fs::read_to_string(path).unwrap()
}

/// Settings as the builder makes them where nothing is set.
fn defaults() -> RefusalSettings {
    RefusalSettings {
        format: ProblemFormat::Problem,
        type_base: None,
        reused_status: StatusCode::CONFLICT,
        should_retry_header: false,
        in_force: InForce {
            header: "Idempotency-Key".into(),
            max_request_body: 1 << 20,
            body_timeout: Duration::from_secs(30),
            max_age: None,
            credentials: "cookies, authorization, x-api-key".to_owned(),
        },
    }
}

/// The example in the section of `code`: its head, and its body.
fn example(page: &str, code: RefusalCode) -> (String, Value) {
    let name = code.as_str();
    let section = page.split(&format!("\n# `{name}`\n")).nth(1).expect(name).split("\n# ").next().unwrap();
    assert!(section.contains(&format!("<a id=\"/{name}\"></a>")), "{name}");
    for part in ["**What happened.** ", "**Client.** ", "**Operator.** "] {
        assert!(section.contains(part), "{name} has no {part}");
    }
    let example = section.split("```http\n").nth(1).expect(name).split("```").next().unwrap();
    let (head, body) = example.split_once("\n\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[actix_web::test]
async fn every_code_has_a_section_with_the_refusal_as_it_is_sent() {
    let (page, settings) = (page(), defaults());
    let codes: Vec<RefusalCode> =
        std::iter::successors(Some(RefusalCode::KeyMissing), |code| next(*code)).collect();
    for &code in &codes {
        let refusal = settings.respond(Reason::new(code), &Policy::PLAIN, None);
        let (status, headers) = (refusal.status(), refusal.headers().clone());
        let mut sent: Value = serde_json::from_slice(&to_bytes(refusal.into_body()).await.unwrap()).unwrap();
        let (head, mut shown) = example(&page, code);
        let mut lines = head.lines();
        assert_eq!(lines.next().unwrap(), format!("HTTP/1.1 {status}"));
        assert_eq!(lines.count(), headers.len(), "{head}");
        for (name, value) in &headers {
            assert!(head.contains(&format!("{name}: {}", value.to_str().unwrap())), "{head}");
        }
        for problem in [&mut sent, &mut shown] {
            let members = problem.as_object_mut().unwrap();
            members.remove("instance");
            members.remove("idempotency_key");
        }
        assert_eq!(shown, sent);
    }
    assert_eq!(page.matches("\n# `").count(), codes.len());
}
