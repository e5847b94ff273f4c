//! `ledger`, on both databases.

use idempotent_tests::{Connection, Reply, post, program::Program, scratch::Scratch, stores::database_url};

fn transfer(ledger: &Program, key: &str, body: &str) -> Reply {
    let key = format!("Idempotency-Key: {key}");
    let headers = ["Content-Type: application/json", key.as_str()];
    ledger.connect().exchange(&post("/transfers", &headers, body.as_bytes()))
}

fn accounts(ledger: &Program) -> serde_json::Value {
    Connection::open(ledger.address()).exchange(b"GET /accounts HTTP/1.1\r\nHost: test\r\n\r\n").json()
}

/// A balance.
fn cents(ledger: &Program, name: &str) -> i64 {
    let accounts = accounts(ledger);
    let account = accounts["accounts"].as_array().unwrap().iter().find(|account| account[0] == name);
    account.unwrap()[1].as_i64().unwrap()
}

fn moves_money_once(store: &str) {
    let ledger = Program::start_with("ledger", &[("STORE", store)]);
    let (sum, alice) = (accounts(&ledger)["sum"].clone(), cents(&ledger, "alice"));
    let key = idempotent_runtime::store::Token::random()
        .unwrap()
        .as_bytes()
        .map(|byte| format!("{byte:02x}"))
        .concat();
    let body = r#"{"from":"alice","to":"bob","cents":700}"#;
    for replay in [false, true] {
        let reply = transfer(&ledger, &key, body);
        assert_eq!((reply.status, reply.is_replay()), (201, replay), "{reply:?}");
    }
    let too_much = format!(r#"{{"from":"alice","to":"bob","cents":{}}}"#, i64::from(u32::MAX));
    let nobody = r#"{"from":"alice","to":"nobody","cents":1}"#;
    for (suffix, body) in [("m", too_much.as_str()), ("n", nobody)] {
        for replay in [false, true] {
            let reply = transfer(&ledger, &format!("{key}{suffix}"), body);
            assert_eq!((reply.status, reply.is_replay()), (422, replay), "{reply:?}");
        }
    }
    assert_eq!((accounts(&ledger)["sum"].clone(), cents(&ledger, "alice")), (sum, alice - 700));
}

#[test]
fn a_ledger_on_sqlite_moves_money_once_and_what_it_refuses_changes_nothing() {
    let scratch = Scratch::new();
    moves_money_once(&format!("sqlite:{}", scratch.file("ledger.db").display()));
}

#[test]
fn a_ledger_on_postgres_moves_money_once_and_what_it_refuses_changes_nothing() {
    moves_money_once(&database_url());
}
