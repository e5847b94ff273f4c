//! The bytes that stores keep: what version 1 has written can always be read, and what cannot be read is no execution.
//!
//! `BLESS=1 cargo test` writes the files of this version anew. A released version's files never change.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{
    Address, Idempotency, Store, StoreError, idempotent,
    store::{Claim, ClaimRequest, Completion, Hold, Record, Renewal, Retention},
};
use idempotent_tests::{Connection, Reply, TestServer, post};

/// Keeps the record of what completes, and answers claims with `served` if there is one.
#[derive(Clone, Default)]
struct Shelf {
    served: Option<Record>,
    kept: Arc<Mutex<Option<Record>>>,
}

impl Store for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    async fn claim(&self, _: ClaimRequest) -> Result<Claim, StoreError> {
        Ok(self.served.clone().map_or(Claim::Won { attempt: 1 }, Claim::Replay))
    }

    async fn renew(&self, _: Hold, _: Duration) -> Result<Renewal, StoreError> {
        Ok(Renewal::Renewed)
    }

    async fn complete(&self, _: Hold, record: Record, _: Retention) -> Result<Completion, StoreError> {
        *self.kept.lock().unwrap() = Some(record);
        Ok(Completion::Stored)
    }

    async fn release(&self, _: Hold) -> Result<(), StoreError> {
        Ok(())
    }

    async fn changed(&self, _: Address) {}
}

#[post("/orders")]
#[idempotent]
async fn create_order(body: String, effects: web::Data<AtomicUsize>) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    match body.as_str() {
        "stream" => HttpResponse::Ok().content_type("text/event-stream").body("data: 1\n\n"),
        "nothing" => HttpResponse::NoContent().finish(),
        _ => HttpResponse::Created()
            // One name twice: actix gives the order of different names anew for each response.
            .append_header(("Link", "</orders/1>; rel=self"))
            .append_header(("Link", "</orders>; rel=up"))
            .body(&b"{\"id\":1}\xff\x00"[..]),
    }
}

/// What a client is answered that sends `body` to a server with this store, and how often the handler ran.
fn answer(shelf: &Shelf, body: &[u8]) -> (Reply, usize) {
    let effects = Arc::new(AtomicUsize::new(0));
    let (idempotency, counted) =
        (Idempotency::builder().store(shelf.clone()).build().unwrap(), Arc::clone(&effects));
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(web::Data::from(Arc::clone(&counted)))
            .service(create_order);
    });
    let reply = Connection::open(server.address()).exchange(&post("/orders", &["Idempotency-Key: a"], body));
    (reply, effects.load(SeqCst))
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("stores/golden").join(name)
}

fn is_written_as(name: &str, body: &[u8]) {
    let shelf = Shelf::default();
    let (_, effects) = answer(&shelf, body);
    assert_eq!(effects, 1);
    let kept = shelf.kept.lock().unwrap().take().expect("a record").into_bytes();
    if std::env::var_os("BLESS").is_some() {
        fs::write(file(name), &kept).unwrap();
    }
    assert_eq!(kept.escape_ascii().to_string(), fs::read(file(name)).unwrap().escape_ascii().to_string());
}

fn served(record: Vec<u8>) -> Reply {
    let shelf = Shelf { served: Some(Record::from_bytes(record)), ..Shelf::default() };
    let (reply, effects) = answer(&shelf, b"order");
    assert_eq!(effects, 0, "the handler ran although there is a record: {reply:?}");
    reply
}

#[test]
fn a_response_is_written_as_it_was_in_version_1() {
    is_written_as("v1_response.bin", b"order");
}

#[test]
fn a_response_without_a_body_is_written_as_it_was_in_version_1() {
    is_written_as("v1_no_body.bin", b"nothing");
}

#[test]
fn a_response_that_is_not_kept_is_written_as_it_was_in_version_1() {
    is_written_as("v1_not_stored.bin", b"stream");
}

#[test]
fn a_response_of_version_1_is_replayed() {
    let reply = served(fs::read(file("v1_response.bin")).unwrap());
    assert_eq!((reply.status, reply.is_replay()), (201, true), "{reply:?}");
    assert_eq!(reply.body, b"{\"id\":1}\xff\x00");
    let links: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "link").collect();
    assert_eq!(
        links.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
        ["</orders/1>; rel=self", "</orders>; rel=up"]
    );
}

#[test]
fn a_response_without_a_body_of_version_1_is_replayed() {
    let reply = served(fs::read(file("v1_no_body.bin")).unwrap());
    assert_eq!((reply.status, reply.is_replay(), reply.body.len()), (204, true, 0), "{reply:?}");
}

#[test]
fn a_response_that_is_not_kept_of_version_1_is_said_to_be_so() {
    let reply = served(fs::read(file("v1_not_stored.bin")).unwrap());
    assert_eq!((reply.status, reply.code().as_str()), (409, "response_not_stored"), "{reply:?}");
}

#[track_caller]
fn is_unknown(what: &str, record: Vec<u8>) {
    let reply = served(record);
    assert_eq!((reply.status, reply.code().as_str()), (409, "outcome_unknown"), "{what}: {reply:?}");
    assert!(!reply.is_replay(), "{what}: {reply:?}");
}

#[test]
fn a_record_with_a_flipped_bit_is_an_unknown_outcome() {
    let whole = fs::read(file("v1_response.bin")).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        is_unknown(&format!("byte {at}"), damaged);
    }
}

#[test]
fn a_truncated_record_is_an_unknown_outcome() {
    let whole = fs::read(file("v1_response.bin")).unwrap();
    for length in [0, 1, 4, 5, 6, whole.len() / 2, whole.len() - 1] {
        is_unknown(&format!("{length} bytes"), whole[..length].to_vec());
    }
    is_unknown("a byte more", [&whole[..], b"\0"].concat());
}

#[test]
fn a_record_of_a_version_to_come_is_an_unknown_outcome() {
    let mut record = fs::read(file("v1_response.bin")).unwrap();
    assert_eq!(record[0], 1);
    record[0] = 2;
    is_unknown("version 2", record);
}
