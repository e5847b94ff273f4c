//! Inputs that a checkpoint does not take, and its errors for them.

use std::collections::HashMap;

use actix_web::{HttpResponse, error::ErrorImATeapot, web};
use idempotent_runtime::{CheckpointError, IdempotencyContext, idempotent};
use idempotent_tests::{Reply, TestServer, fresh, post};
use tokio::sync::Mutex;

use super::fixture::ask;
use crate::gate::keyed;

/// Number of runs of a step.
type Runs = web::Data<Mutex<usize>>;

type Done = Result<HttpResponse, actix_web::Error>;

async fn step(
    context: &IdempotencyContext,
    name: &str,
    runs: &Runs,
) -> Result<usize, CheckpointError<Plain>> {
    let run = async {
        let mut runs = runs.lock().await;
        *runs += 1;
        Ok(*runs)
    };
    context.checkpoint(name, run).await
}

/// An error that is no error type, and that `?` makes an answer of.
#[derive(Debug)]
struct Plain;

impl From<Plain> for actix_web::Error {
    fn from(_: Plain) -> Self {
        ErrorImATeapot("plain")
    }
}

#[actix_web::post("/several")]
#[idempotent]
async fn several(names: web::Json<Vec<String>>, context: IdempotencyContext, runs: Runs) -> Done {
    for name in &names.0 {
        step(&context, name, &runs).await?;
    }
    Ok(HttpResponse::Ok().finish())
}

#[actix_web::post("/together")]
#[idempotent]
async fn together(one: IdempotencyContext, other: Option<IdempotencyContext>, runs: Runs) -> Done {
    let held = runs.lock().await;
    let (one, other) = (step(&one, "charge", &runs), step(other.as_ref().unwrap(), "charge", &runs));
    let (one, other, ()) = tokio::join!(one, other, async { drop(held) });
    assert_eq!(one.unwrap(), 1);
    other?;
    Ok(HttpResponse::Ok().finish())
}

/// A value of as many bytes as its body says.
#[actix_web::post("/large")]
#[idempotent(replay = "final")]
async fn large(bytes: web::Json<usize>, context: IdempotencyContext, runs: Runs) -> Done {
    let run = async {
        *runs.lock().await += 1;
        Ok::<_, Plain>("x".repeat(*bytes - 2))
    };
    let value = context.checkpoint("charge", run).await?;
    Ok(HttpResponse::Ok().body(value.len().to_string()))
}

#[actix_web::post("/not_json")]
#[idempotent(replay = "final")]
async fn not_json(context: IdempotencyContext, runs: Runs) -> Done {
    let run = async {
        *runs.lock().await += 1;
        Ok::<_, Plain>(HashMap::from([((1, 2), 3)]))
    };
    context.checkpoint("charge", run).await?;
    Ok(HttpResponse::Ok().finish())
}

/// The first attempt records a text, and the next one wants a number.
#[actix_web::post("/another_type")]
#[idempotent(replay = "final")]
async fn another_type(context: IdempotencyContext, runs: Runs) -> Done {
    let run = async { Ok::<_, Plain>("a secret text".to_owned()) };
    let mut runs = runs.lock().await;
    *runs += 1;
    match *runs {
        1 => drop(context.checkpoint("charge", run).await?),
        _ => drop(context.checkpoint("charge", async { Ok::<_, Plain>(1) }).await?),
    }
    Ok(HttpResponse::InternalServerError().body("once more"))
}

#[actix_web::post("/teapot")]
#[idempotent]
async fn teapot(context: IdempotencyContext) -> Done {
    context.checkpoint::<(), _>("brew", async { Err(ErrorImATeapot("short and stout")) }).await?;
    Ok(HttpResponse::Ok().finish())
}

fn server() -> (TestServer, Runs) {
    let (runs, idempotency) = (Runs::default(), fresh().build().unwrap());
    let counted = runs.clone();
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone()).app_data(counted.clone()).service((
            several,
            together,
            large,
            not_json,
            another_type,
            teapot,
        ));
    });
    (server, runs)
}

#[track_caller]
fn is_misuse(reply: &Reply, text: &str) {
    assert_eq!((reply.status, reply.text(), reply.header("retry-after")), (500, text, None), "{reply:?}");
}

async fn named(server: &TestServer, names: &[&str]) -> Reply {
    let headers = ["Idempotency-Key: k", "Content-Type: application/json"];
    ask(server, &post("/several", &headers, &serde_json::to_vec(names).unwrap())).await
}

#[tokio::test]
async fn a_name_has_1_to_64_characters() {
    for (name, characters) in [("", 0), (&"ü".repeat(65), 65)] {
        let (server, runs) = server();
        let text = format!("the name of a checkpoint has 1 to 64 characters, not {characters}");
        is_misuse(&named(&server, &[name]).await, &text);
        assert_eq!(*runs.lock().await, 0);
    }
    let (server, _) = server();
    assert_eq!(named(&server, &["ü", &"ü".repeat(64)]).await.status, 200);
}

#[tokio::test]
async fn two_steps_of_one_name_in_one_attempt_are_an_error_that_says_so() {
    let (server, runs) = server();
    let text = "two checkpoints of one attempt have the name \"charge\": which of the two results is meant?";
    is_misuse(&named(&server, &["charge", "mail", "charge"]).await, text);
    assert_eq!(*runs.lock().await, 2);
}

#[tokio::test]
async fn two_steps_of_one_name_at_the_same_time_from_two_contexts_are_an_error_too() {
    let (server, runs) = server();
    let reply = ask(&server, &keyed("/together", "k", "")).await;
    assert_eq!(reply.status, 500);
    assert!(reply.text().starts_with("two checkpoints of one attempt"), "{reply:?}");
    assert_eq!(*runs.lock().await, 1);
}

#[tokio::test]
async fn an_execution_has_at_most_32_steps() {
    let names: Vec<_> = (0..33).map(|number| format!("step {number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let (server, runs) = server();
    is_misuse(&named(&server, &names).await, "an execution has at most 32 checkpoints");
    assert_eq!(*runs.lock().await, 32);
}

#[tokio::test]
async fn a_value_has_at_most_64_kib_and_one_that_has_more_has_run_for_good() {
    let (server, runs) = server();
    let sized = |bytes: usize| {
        let headers = [&format!("Idempotency-Key: {bytes}"), "Content-Type: application/json"];
        post("/large", &headers, bytes.to_string().as_bytes())
    };
    assert_eq!(ask(&server, &sized(65_536)).await.text(), "65534");
    let text = "the value of a checkpoint has at most 65536 bytes as JSON, not 65537: the step has run, and its value is lost";
    is_misuse(&ask(&server, &sized(65_537)).await, text);
    for _ in 0..2 {
        let retry = ask(&server, &sized(65_537)).await;
        is_misuse(&retry, "the step has run in an earlier attempt, and its value is lost");
    }
    assert_eq!(*runs.lock().await, 2);
}

const NOT_JSON: &str =
    "the value of a checkpoint is not to be written as JSON, or not to be read from it: the step has run";

#[tokio::test]
async fn a_value_that_cannot_be_json_has_run_for_good() {
    let (server, runs) = server();
    is_misuse(&ask(&server, &keyed("/not_json", "k", "")).await, NOT_JSON);
    let retry = ask(&server, &keyed("/not_json", "k", "")).await;
    is_misuse(&retry, "the step has run in an earlier attempt, and its value is lost");
    assert_eq!(*runs.lock().await, 1);
}

#[tokio::test]
async fn a_value_that_is_asked_for_as_another_type_is_an_error_that_tells_nothing_of_it() {
    let (server, _) = server();
    assert_eq!(ask(&server, &keyed("/another_type", "k", "")).await.text(), "once more");
    is_misuse(&ask(&server, &keyed("/another_type", "k", "")).await, NOT_JSON);
}

#[tokio::test]
async fn a_step_may_fail_with_an_error_of_actix_web() {
    let (server, _) = server();
    let reply = ask(&server, &keyed("/teapot", "k", "")).await;
    assert_eq!((reply.status, reply.text()), (418, "short and stout"));
}
