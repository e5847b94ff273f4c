//! The bytes that stores keep. Those that version 1 has written can always be read, and bytes that
//! cannot be read are no execution.
//!
//! `BLESS=1 cargo test` writes the files of this version anew. A released version's files never
//! change.

use std::{
    convert::Infallible,
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, post, web};
use idempotent_runtime::{
    AbandonedExecution, Address, CheckpointError, Idempotency, IdempotencyContext, Resolution, Store,
    StoreError, idempotent,
    store::{Claim, ClaimRequest, Completion, Hold, Record, Renewal, Retention},
};
use idempotent_tests::{Connection, Reply, TestServer, post};

/// Keeps the records of what completes. Answers claims with `served` if there is one: all claims,
/// or those of steps alone.
#[derive(Clone, Default)]
struct Shelf {
    served: Option<Record>,
    of_steps: bool,
    took_over: bool,
    claims: Arc<AtomicUsize>,
    kept: Arc<Mutex<Vec<(Hold, Record)>>>,
}

impl Store for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    async fn claim(&self, _: ClaimRequest) -> Result<Claim, StoreError> {
        let left = Duration::from_secs(1);
        let replay = |record| Claim::Replay { record, left };
        // An execution is claimed before its steps are.
        let of_execution = self.claims.fetch_add(1, SeqCst) == 0;
        let served = self.served.clone().filter(|_| !(self.of_steps && of_execution));
        Ok(served.map_or(Claim::Won { attempt: 1 + u32::from(self.took_over) }, replay))
    }

    async fn renew(&self, _: Hold, _: Duration) -> Result<Renewal, StoreError> {
        Ok(Renewal::Renewed)
    }

    async fn complete(&self, hold: Hold, record: Record, _: Retention) -> Result<Completion, StoreError> {
        self.kept.lock().unwrap().push((hold, record));
        Ok(Completion::Stored)
    }

    async fn release(&self, _: Hold) -> Result<(), StoreError> {
        Ok(())
    }

    async fn changed(&self, _: Address) {}
}

#[post("/orders")]
#[idempotent]
async fn create_order(
    body: String,
    context: IdempotencyContext,
    effects: web::Data<AtomicUsize>,
) -> Result<HttpResponse, CheckpointError<Infallible>> {
    let step = async {
        effects.fetch_add(1, SeqCst);
        Ok((body.clone(), 7))
    };
    if body == "step" {
        let (text, number) = context.checkpoint("charge", step).await?;
        return Ok(HttpResponse::Ok().body(format!("{text} {number}")));
    }
    effects.fetch_add(1, SeqCst);
    Ok(match body.as_str() {
        "stream" => HttpResponse::Ok().content_type("text/event-stream").body("data: 1\n\n"),
        "nothing" => HttpResponse::NoContent().finish(),
        _ => HttpResponse::Created()
            // One name twice: actix gives the order of different names anew for each response.
            .append_header(("Link", "</orders/1>; rel=self"))
            .append_header(("Link", "</orders>; rel=up"))
            .body(&b"{\"id\":1}\xff\x00"[..]),
    })
}

async fn refuse(_: &AbandonedExecution) -> Resolution {
    Resolution::Refuse
}

/// Answer to a client that sends `body` to a server with this store, and the number of the
/// handler's runs.
fn answer(shelf: &Shelf, body: &[u8]) -> (Reply, usize) {
    let effects = Arc::new(AtomicUsize::new(0));
    let (idempotency, counted) = (
        Idempotency::builder().store(shelf.clone()).reconcile(refuse).build().unwrap(),
        Arc::clone(&effects),
    );
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
    is_kept_as(name, &shelf);
}

fn is_kept_as(name: &str, shelf: &Shelf) {
    let kept = shelf.kept.lock().unwrap().remove(0).1.into_bytes();
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
fn a_step_is_written_as_it_was_in_version_1() {
    is_written_as("v1_step.bin", b"step");
}

#[test]
fn an_unknown_outcome_is_written_as_it_was_in_version_1() {
    let shelf = Shelf { took_over: true, ..Shelf::default() };
    let (reply, effects) = answer(&shelf, b"order");
    assert_eq!((reply.code().as_str(), effects), ("outcome_unknown", 0));
    is_kept_as("v1_unknown.bin", &shelf);
}

#[test]
fn an_unknown_outcome_of_version_1_stays_unknown() {
    is_unknown("refused", fs::read(file("v1_unknown.bin")).unwrap());
}

#[test]
fn a_step_lives_where_it_did_in_version_1() {
    let shelf = Shelf::default();
    answer(&shelf, b"step");
    let address = *shelf.kept.lock().unwrap()[0].0.address.as_bytes();
    let address = address.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(address, "5ab33f827e1c2e07857ec729f5c11e31ece4de24056da80fceb16dbd2194349f");
}

#[test]
fn a_step_of_version_1_is_not_run_again() {
    let record = Record::from_bytes(fs::read(file("v1_step.bin")).unwrap());
    let shelf = Shelf { served: Some(record), of_steps: true, ..Shelf::default() };
    let (reply, effects) = answer(&shelf, b"step");
    assert_eq!((reply.status, reply.text(), effects), (200, "step 7", 0), "{reply:?}");
}

#[test]
fn what_is_no_record_of_a_step_is_no_step() {
    let whole = fs::read(file("v1_step.bin")).unwrap();
    let of_a_response = fs::read(file("v1_response.bin")).unwrap();
    for record in [&whole[..whole.len() - 1], &[2][..], &[], &of_a_response] {
        let served = Some(Record::from_bytes(record.to_vec()));
        let shelf = Shelf { served, of_steps: true, ..Shelf::default() };
        let (reply, effects) = answer(&shelf, b"step");
        assert_eq!((reply.status, effects), (500, 0), "{reply:?}");
        assert_eq!(reply.text(), "what is recorded of the step cannot be read");
    }
}

#[test]
fn a_record_of_a_step_is_no_response() {
    is_unknown("a step", fs::read(file("v1_step.bin")).unwrap());
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
