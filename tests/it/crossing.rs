//! Many callers with equal keys and bodies at once: nobody gets another's answer.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use actix_web::{Error, HttpRequest, HttpResponse, Responder, rt::task::yield_now, web};
use idempotent_runtime::{Idempotency, Principal, idempotent};
use idempotent_tests::{Connection, Reply, TestServer, fresh};

/// One who calls: the host that is asked, and the header that says who asks.
type Caller = (&'static str, &'static str);

const BY_COOKIE: [Caller; 2] = [("a", "Cookie: session=alice"), ("a", "Cookie: session=bob")];
const BY_API_KEY: [Caller; 2] = [("a", "X-Api-Key: alice"), ("a", "X-Api-Key: bob")];
const BY_HOST: [Caller; 2] = [("a", "X-Api-Key: alice"), ("b", "X-Api-Key: alice")];

/// All that tells one caller from another, as the handler sees it.
fn seen(request: &HttpRequest) -> String {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
    format!("{} {} {}", header("host"), header("cookie"), header("x-api-key"))
}

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[idempotent(scope = "global")]
async fn endpoint(request: HttpRequest) -> impl Responder {
    yield_now().await;
    HttpResponse::Created().body(format!("{} #{}", seen(&request), RUNS.fetch_add(1, SeqCst)))
}

async fn by_all(request: HttpRequest) -> Result<Principal, Error> {
    yield_now().await;
    Ok(Principal::new(seen(&request)))
}

/// Request and its answer.
struct Exchange {
    caller: Caller,
    key: usize,
    reply: Reply,
}

const KEYS: usize = 25;
const REQUESTS: usize = 1000;
const LINES: usize = 8;

/// Sends a thousand requests, `LINES` at a time, each caller with each of the keys, in an order of
/// chance.
fn storm(idempotency: &Idempotency, callers: &[Caller]) -> Vec<Exchange> {
    let idempotency = idempotency.clone();
    let server = TestServer::start(2, move |app| {
        app.app_data(idempotency.clone()).route("/orders", web::post().to(endpoint));
    });
    let mut requests: Vec<_> =
        (0..REQUESTS).map(|at| (callers[at % callers.len()], at / callers.len() % KEYS)).collect();
    fastrand::shuffle(&mut requests);
    let (address, exchanges) = (server.address(), &Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for requests in requests.chunks(REQUESTS / LINES) {
            scope.spawn(move || {
                let mut connection = Connection::open(address);
                for &(caller @ (host, header), key) in requests {
                    let request = format!(
                        "POST /orders HTTP/1.1\r\nHost: {host}\r\n{header}\r\nIdempotency-Key: {key}\r\nContent-Length: 4\r\n\r\nbody"
                    );
                    let reply = connection.exchange(request.as_bytes());
                    exchanges.lock().unwrap().push(Exchange { caller, key, reply });
                }
            });
        }
    });
    mem::take(&mut exchanges.lock().unwrap())
}

fn is_for(reply: &Reply, (host, header): Caller) -> bool {
    let (_, value) = header.split_once(": ").unwrap();
    reply.status == 201
        && reply.text().starts_with(&format!("{host} "))
        && reply.text().contains(&format!(" {value} "))
}

#[test]
fn no_answer_crosses_between_callers_that_a_principal_tells_apart() {
    let all: Vec<_> = [BY_COOKIE, BY_API_KEY, BY_HOST].concat();
    for callers in [&BY_COOKIE[..], &BY_API_KEY, &BY_HOST, &all] {
        let idempotency = fresh().principal_from(by_all).build().unwrap();
        let mut answers = HashMap::new();
        for Exchange { caller, key, reply } in storm(&idempotency, callers) {
            assert!(is_for(&reply, caller), "{caller:?}: {reply:?}");
            let first = answers.entry((caller, key)).or_insert_with(|| reply.text().to_owned());
            assert_eq!(first, reply.text());
        }
    }
}

#[test]
fn no_answer_crosses_between_callers_that_credentials_tell_apart() {
    let all: Vec<_> = [BY_COOKIE, BY_API_KEY].concat();
    for callers in [&BY_COOKIE[..], &BY_API_KEY, &all] {
        let idempotency = fresh().build().unwrap();
        let mut owners = HashMap::new();
        let mut refused = Vec::new();
        for Exchange { caller, key, reply } in storm(&idempotency, callers) {
            match reply.status {
                201 => {
                    assert!(is_for(&reply, caller), "{caller:?}: {reply:?}");
                    let owner = owners.entry(key).or_insert_with(|| (caller, reply.text().to_owned()));
                    assert_eq!((owner.0, &*owner.1), (caller, reply.text()));
                }
                _ => {
                    assert_eq!((reply.status, &*reply.code()), (409, "key_reused"), "{reply:?}");
                    refused.push((caller, key));
                }
            }
        }
        assert_eq!(owners.len(), KEYS);
        assert!(!refused.is_empty() && refused.iter().all(|(caller, key)| owners[key].0 != *caller));
    }
}
