//! The steps of a request, in this process and without sockets.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

mod claims;
mod orders;
mod sources;

use std::{
    convert::Infallible,
    hint::black_box,
    time::{Duration, Instant},
};

use actix_web::{
    App,
    dev::Service,
    rt::{System, SystemRunner},
    test, web,
};
use criterion::{BatchSize, Criterion};
use futures_util::FutureExt;
use idempotent_runtime::{
    Address, Idempotency, MemoryStore, RequestFingerprint, Store,
    store::{Claim, Completion, Hold, Record, Retention, Token},
};
use tokio::runtime::Builder;

use crate::claims::request;

const BUDGET: u64 = 8 << 30;
const DAY: Duration = Duration::from_secs(24 * 3600);

fn hold(number: u64) -> Hold {
    let mut address = [0; 32];
    address[..8].copy_from_slice(&number.to_be_bytes());
    let token = Token::from_bytes([7; 16]);
    Hold {
        address: Address::from_bytes(address),
        token,
        fingerprint: RequestFingerprint::from_bytes([9; 32]),
    }
}

fn claim(store: &MemoryStore, hold: Hold) -> Claim {
    store.claim(request(hold)).now_or_never().unwrap().unwrap()
}

fn complete(store: &MemoryStore, hold: Hold, record: Record) -> Completion {
    let retention = Retention { replay: DAY, remember: Duration::ZERO };
    store.complete(hold, record, retention).now_or_never().unwrap().unwrap()
}

fn store(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    let store = MemoryStore::builder().budget(BUDGET).build();
    let mut number = 0;
    let mut next = || {
        number += 1;
        (hold(number), Record::from_bytes(vec![1; 420]))
    };
    group.bench_function("claim, complete", |bencher| {
        bencher.iter_batched(
            &mut next,
            |(hold, record)| {
                black_box(claim(&store, hold));
                complete(&store, hold, record)
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("claim a completed key", |bencher| bencher.iter(|| claim(&store, hold(1))));
    group.bench_function("draw a token", |bencher| bencher.iter(Token::random));
}

fn requests(criterion: &mut Criterion) {
    let idempotency =
        Idempotency::builder().store(MemoryStore::builder().budget(BUDGET).build()).build().unwrap();
    let system = System::new();
    let service = system.block_on(test::init_service(
        App::new()
            .app_data(idempotency)
            .app_data(web::Data::new(orders::Orders::default()))
            .app_data(web::Data::new(orders::answers()))
            .configure(orders::routes),
    ));
    let send = |path: &str, key: String| {
        let request = test::TestRequest::post()
            .uri(path)
            .insert_header(("content-type", "application/json"))
            .insert_header(("idempotency-key", key))
            .set_payload(&orders::BODY[..])
            .to_request();
        let service = &service;
        async move { service.call(request).await.unwrap() }
    };
    let mut group = criterion.benchmark_group("request");
    let mut number = 0_u64;
    let mut bench = |name: &str, path: &str, fresh: bool| {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                system.block_on(async {
                    let started = Instant::now();
                    for _ in 0..iterations {
                        number += u64::from(fresh);
                        let key = if fresh { format!("{number:036}") } else { format!("{:036}", 0) };
                        assert_eq!(send(path, key).await.status(), 201);
                    }
                    started.elapsed()
                })
            });
        });
    };
    bench("bare", "/bare", true);
    bench("first execution", "/annotated", true);
    bench("replay", "/annotated", false);
    bench("first execution, moka by hand", "/by_hand", true);
    bench("replay, moka by hand", "/by_hand", false);
    drop(group);
    key_sources(criterion, &system);
}

/// Requests whose key is in their body, beside those of the header.
fn key_sources(criterion: &mut Criterion, system: &SystemRunner) {
    let idempotency =
        Idempotency::builder().store(MemoryStore::builder().budget(BUDGET).build()).build().unwrap();
    let routes = App::new().app_data(idempotency).configure(sources::routes);
    let service = system.block_on(test::init_service(routes));
    let mut group = criterion.benchmark_group("first execution, by the place of its key");
    let mut number = 0_u64;
    for source in sources::ALL {
        group.bench_function(source.path, |bencher| {
            bencher.iter_custom(|iterations| {
                system.block_on(async {
                    let started = Instant::now();
                    for _ in 0..iterations {
                        number += 1;
                        let request = source.request(number).to_request();
                        assert_eq!(service.call(request).await.unwrap().status(), 204);
                    }
                    started.elapsed()
                })
            });
        });
    }
}

/// The same work with no request: an order's body is the message, and the order is the value.
fn once(criterion: &mut Criterion) {
    let idempotency =
        Idempotency::builder().store(MemoryStore::builder().budget(BUDGET).build()).build().unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let settle = async |key: String| {
        let call = idempotency.once("orders", key).fingerprint(orders::BODY);
        call.run(async |_| Ok::<_, Infallible>("x".repeat(300))).await.unwrap()
    };
    let mut group = criterion.benchmark_group("once");
    let mut number = 0_u64;
    let mut bench = |name: &str, fresh: bool| {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                runtime.block_on(async {
                    let started = Instant::now();
                    for _ in 0..iterations {
                        number += u64::from(fresh);
                        let key = if fresh { format!("{number:036}") } else { format!("{:036}", 0) };
                        let _ = black_box(settle(key).await);
                    }
                    started.elapsed()
                })
            });
        });
    };
    bench("first execution", true);
    bench("replay", false);
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    store(&mut criterion);
    requests(&mut criterion);
    once(&mut criterion);
    criterion.final_summary();
}
