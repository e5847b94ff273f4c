//! `tokio_postgres`: an order is a row, which commits with its response.

use idempotent_tests::{Connection, Reply, post, program::Program};

fn order(shop: &Program, key: &str, sku: &str) -> Reply {
    let key = format!("Idempotency-Key: {key}");
    shop.connect().exchange(&post("/orders", &[&key], sku.as_bytes()))
}

fn ordered(shop: &Program, sku: &str) -> String {
    let request = format!("GET /orders/{sku} HTTP/1.1\r\nHost: test\r\n\r\n");
    Connection::open(shop.address()).exchange(request.as_bytes()).text().trim().to_owned()
}

#[test]
fn an_order_of_tokio_postgres_is_one_row_however_often_it_is_sent() {
    let shop = Program::start("tokio_postgres");
    let token = idempotent_runtime::store::Token::random().unwrap();
    let sku = format!("tea-{:x}", u128::from_be_bytes(*token.as_bytes()));
    for (key, rows) in [("1", "1"), ("2", "2")] {
        for replay in [false, true] {
            let reply = order(&shop, &format!("{sku}-{key}"), &sku);
            assert_eq!((reply.status, reply.is_replay()), (201, replay), "{reply:?}");
            assert_eq!(ordered(&shop, &sku), rows);
        }
    }
    for replay in [false, true] {
        let refused = order(&shop, &format!("{sku}-3"), "");
        assert_eq!((refused.status, refused.is_replay()), (422, replay), "{refused:?}");
    }
}
