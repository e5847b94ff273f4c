//! A thousand keys, sixty-four equal requests each, all at once.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use actix_web::{HttpResponse, Responder, post, web};
use bytes::Bytes;
use idempotent_runtime::idempotent;
use idempotent_tests::{Http1, Http2, Reply, TestServer, fresh};

use crate::gate::keyed_by;

const KEYS: usize = 1_000;
const COPIES: usize = 64;
/// At most that many are on their way: a process lets 1,024 requests of a caller wait.
const AT_A_TIME: usize = 512;
const HTTP2_CONNECTIONS: usize = 16;

#[derive(Default)]
struct Effects {
    by_key: Vec<AtomicUsize>,
    all: AtomicUsize,
}

#[post("/flood")]
#[idempotent(ttl = "24h", wait = "100s")]
async fn take(body: String, effects: web::Data<Effects>) -> impl Responder {
    effects.by_key[body.parse::<usize>().unwrap()].fetch_add(1, SeqCst);
    let number = effects.all.fetch_add(1, SeqCst);
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    HttpResponse::Created()
        .insert_header(("X-Number", number.to_string()))
        .append_header(("Link", "<a>"))
        .append_header(("Link", "<b>"))
        .json(serde_json::json!({ "key": body, "number": number }))
}

/// Hands out which key comes next, copy by copy, and keeps what came back.
struct Flood {
    next: AtomicUsize,
    answers: Vec<Mutex<Vec<Reply>>>,
}

impl Flood {
    fn new() -> Arc<Flood> {
        let answers = (0..KEYS).map(|_| Mutex::default()).collect();
        Arc::new(Flood { next: AtomicUsize::new(0), answers })
    }

    fn next(&self) -> Option<usize> {
        let next = self.next.fetch_add(1, SeqCst);
        (next < KEYS * COPIES).then_some(next / COPIES)
    }

    fn answered(&self, key: usize, reply: Reply) {
        self.answers[key].lock().unwrap().push(reply);
    }

    fn is_as_it_should_be(&self, effects: &Effects) {
        for (key, effects) in effects.by_key.iter().enumerate() {
            assert_eq!(effects.load(SeqCst), 1, "effects of key {key}");
        }
        let mut firsts = 0;
        for answers in &self.answers {
            let answers = answers.lock().unwrap();
            assert_eq!(answers.len(), COPIES);
            assert_eq!(answers[0].status, 201, "{:?}", answers[0]);
            let original = what_counts(&answers[0]);
            assert!(answers.iter().all(|answer| what_counts(answer) == original), "{answers:?}");
            let first =
                answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count();
            assert_eq!(first, 1, "answers that are no replay");
            firsts += first;
        }
        assert_eq!(firsts, KEYS);
    }
}

/// Parts of a response that a replay has to repeat: all but when it was sent and whether it is a
/// replay. Values of one name stay in their order.
fn what_counts(reply: &Reply) -> (u16, Vec<(&str, &str)>, &[u8]) {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !matches!(*name, "date" | "idempotent-replayed"))
        .collect();
    headers.sort_by_key(|(name, _)| *name);
    (reply.status, headers, &reply.body)
}

fn server() -> (TestServer, web::Data<Effects>) {
    let by_key = (0..KEYS).map(|_| AtomicUsize::new(0)).collect();
    let effects = web::Data::new(Effects { by_key, all: AtomicUsize::new(0) });
    let (idempotency, counted) = (fresh().build().unwrap(), effects.clone());
    let server = TestServer::start(2, move |app| {
        app.app_data(idempotency.clone()).app_data(counted.clone()).service(take);
    });
    (server, effects)
}

#[tokio::test]
async fn a_flood_of_duplicates_over_http_1_has_one_effect_a_key_and_one_answer() {
    let ((server, effects), flood) = (server(), Flood::new());
    let connections = (0..AT_A_TIME).map(|_| {
        let (address, flood) = (server.address(), Arc::clone(&flood));
        tokio::spawn(async move {
            let mut connection = Http1::open(address).await;
            while let Some(key) = flood.next() {
                let request = keyed_by("http/1", "/flood", &format!("key-{key}"), &key.to_string());
                flood.answered(key, connection.exchange(&request).await);
            }
        })
    });
    for connection in connections.collect::<Vec<_>>() {
        connection.await.unwrap();
    }
    flood.is_as_it_should_be(&effects);
}

#[tokio::test]
async fn a_flood_of_duplicates_over_http_2_has_one_effect_a_key_and_one_answer() {
    let ((server, effects), flood) = (server(), Flood::new());
    let mut streams = Vec::new();
    for _ in 0..HTTP2_CONNECTIONS {
        let (connection, _moving) = Http2::open(server.address()).await;
        for _ in 0..AT_A_TIME / HTTP2_CONNECTIONS {
            let (connection, flood) = (connection.clone(), Arc::clone(&flood));
            streams.push(tokio::spawn(async move {
                while let Some(key) = flood.next() {
                    let (name, body) = (format!("key-{key}"), Bytes::from(key.to_string()));
                    let headers = [("idempotency-key", name.as_str()), ("authorization", "http/2")];
                    flood.answered(key, connection.exchange("/flood", &headers, body).await);
                }
            }));
        }
    }
    for stream in streams {
        stream.await.unwrap();
    }
    flood.is_as_it_should_be(&effects);
}
