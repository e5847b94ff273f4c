//! `configured`, whose file of settings is read at start.

use std::{fs, path::Path};

use idempotent_tests::{Connection, Scratch, post, program::Program};
use serde_json::{Value, json};

fn started_with(file: &Path, settings: &Value) -> Program {
    fs::write(file, settings.to_string()).unwrap();
    Program::start_with("configured", &[("SETTINGS", file.to_str().unwrap())])
}

/// Terms of an endpoint in the program's document.
fn told(program: &Program, path: &str) -> Value {
    let request = b"GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n";
    Connection::open(program.address()).exchange(request).json()["paths"][path]["post"]["x-idempotency"]
        .take()
}

/// Codes of two requests at a time with one key: a refusal has one, an answer has none.
fn two_at_a_time(program: &Program) -> [String; 2] {
    let request = post("/payouts", &["Idempotency-Key: k"], b"");
    let mut both = [program.connect(), program.connect()];
    both.iter_mut().for_each(|connection| connection.send(&request));
    let mut codes = both.each_mut().map(|connection| connection.reply().unwrap().code());
    codes.sort();
    codes
}

#[test]
fn what_is_changed_in_the_file_changes_the_answers_and_the_document() {
    let scratch = Scratch::new();
    let file = scratch.file("settings.json");
    let program = started_with(&file, &json!({ "ttl_seconds": 3600, "wait_seconds": 0 }));
    let payouts = told(&program, "/payouts");
    assert_eq!((&payouts["ttl_seconds"], &payouts["wait_seconds"]), (&json!(3600), &json!(0.0)));
    assert_eq!(told(&program, "/orders")["ttl_seconds"], 86_400);
    assert_eq!(two_at_a_time(&program), ["", "in_progress"]);
    drop(program);

    let program = started_with(&file, &json!({ "ttl_seconds": 7200 }));
    let payouts = told(&program, "/payouts");
    assert_eq!((&payouts["ttl_seconds"], &payouts["wait_seconds"]), (&json!(7200), &json!(10.0)));
    assert_eq!(told(&program, "/orders")["ttl_seconds"], 86_400);
    assert_eq!(two_at_a_time(&program), ["", ""]);
}
