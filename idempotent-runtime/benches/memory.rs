//! Cost of a live key: its bytes, those of its caller, and the time of a claim among a thousand and
//! among a million keys. The time is that of the store's verb by itself, where each miss of the
//! processor's caches shows, and that of a request that claims a key and whose body is then
//! refused.
//!
//! The keys are real requests to a real handler, so that the store holds what an application
//! stores. Memory is the resident set, which holds what the allocator adds; allocations are counted
//! beside it.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

mod claims;
mod orders;

use std::{alloc::System as SystemAllocator, fs, time::Instant};

use actix_web::{
    App, Error,
    body::BoxBody,
    dev::{Service, ServiceResponse},
    http::header::{AUTHORIZATION, HeaderValue},
    rt::System,
    test, web,
};
use futures_util::FutureExt;
use idempotent_runtime::{
    Address, Idempotency, MemoryStore, RequestFingerprint, Store, WhenFull,
    store::{Claim, ClaimRequest, Hold, Token},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<SystemAllocator> = &INSTRUMENTED_SYSTEM;

const THOUSAND: u64 = 1_000;
const MILLION: u64 = 1_000_000;
const CALLERS: u64 = 100_000;
const ROUNDS: usize = 9;

fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn in_use() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.bytes_allocated - stats.bytes_deallocated) as u64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Nanoseconds per claim of an address that was never seen. The claims are released afterwards,
/// which is not counted.
fn vacant(store: &MemoryStore, salt: u64) -> f64 {
    const CLAIMS: u64 = 2_000;
    let requests: Vec<ClaimRequest> = (0..CLAIMS)
        .map(|number| {
            let mut address = [0x5a; 32];
            address[..8].copy_from_slice(&(number + salt).to_le_bytes());
            let token = Token::from_bytes([7; 16]);
            let fingerprint = RequestFingerprint::from_bytes([9; 32]);
            claims::request(Hold { address: Address::from_bytes(address), token, fingerprint })
        })
        .collect();
    let started = Instant::now();
    for request in &requests {
        let claim = store.claim(*request).now_or_never().unwrap().unwrap();
        assert!(matches!(claim, Claim::Won { .. }));
    }
    let taken = started.elapsed();
    for request in &requests {
        store.release(request.hold).now_or_never().unwrap().unwrap();
    }
    taken.as_nanos() as f64 / CLAIMS as f64
}

/// Number of requests that a round refuses.
const REFUSED: u64 = 2_000;

/// Nanoseconds of a request whose body cannot be read: its key is claimed, and given back.
async fn refused<R, S>(service: &S, requests: Vec<R>) -> f64
where
    S: Service<R, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    let started = Instant::now();
    for request in requests {
        assert_eq!(service.call(request).await.unwrap().status(), 400);
    }
    started.elapsed().as_nanos() as f64 / REFUSED as f64
}

fn compare(what: &str, few: Vec<f64>, many: Vec<f64>) {
    let (few, many) = (median(few), median(many));
    println!("  {what:<14} among a thousand {few:7.1}, among a million {many:7.1}, ratio {:.2}", many / few);
}

fn main() {
    let small = MemoryStore::builder().budget(1 << 40).build();
    let large = MemoryStore::builder().budget(1 << 40).build();
    System::new().block_on(async {
        let app = |store: &MemoryStore| {
            App::new()
                .app_data(Idempotency::builder().store(store.clone()).build().unwrap())
                .app_data(web::Data::new(orders::Orders::default()))
                .app_data(web::Data::new(orders::answers()))
                .configure(orders::routes)
        };
        let request_with = |path: &str, number: u64, body: &'static [u8]| {
            test::TestRequest::post()
                .uri(path)
                .insert_header(("content-type", "application/json"))
                .insert_header(("idempotency-key", format!("{number:036}")))
                .set_payload(body)
                .to_request()
        };
        let request = |path: &str, number: u64| request_with(path, number, &orders::BODY[..]);
        let few = test::init_service(app(&small)).await;
        for number in 0..THOUSAND {
            assert_eq!(few.call(request("/annotated", number)).await.unwrap().status(), 201);
        }

        println!("allocations of a request, with the test's own for making it");
        let counted = |name: &str, path: &'static str, from: u64, step: u64| {
            let few = &few;
            let name = name.to_owned();
            async move {
                let before = ALLOCATOR.stats();
                for number in 0..100 {
                    drop(few.call(request(path, from + number * step)).await.unwrap());
                }
                let after = ALLOCATOR.stats();
                let allocations = (after.allocations - before.allocations) as f64 / 100.0;
                let grown = (after.reallocations - before.reallocations) as f64 / 100.0;
                let bytes = (after.bytes_allocated - before.bytes_allocated) as f64 / 100.0;
                println!("  {name:<24} {allocations:6.1} allocations, {grown:4.1} grown, {bytes:7.0} bytes");
            }
        };
        counted("bare", "/bare", MILLION, 1).await;
        counted("first execution", "/annotated", MILLION, 1).await;
        counted("replay", "/annotated", 0, 1).await;
        counted("moka by hand, first", "/by_hand", MILLION, 1).await;
        counted("moka by hand, replay", "/by_hand", MILLION, 0).await;

        let many = test::init_service(app(&large)).await;
        // What the process keeps however many keys there are is in place before the first counts.
        for number in 0..10_000 {
            assert_eq!(many.call(request("/annotated", number)).await.unwrap().status(), 201);
        }
        let before = (resident(), in_use(), large.used_bytes());
        for number in 10_000..MILLION + 10_000 {
            assert_eq!(many.call(request("/annotated", number)).await.unwrap().status(), 201);
        }
        let after = (resident(), in_use(), large.used_bytes());
        let each = |from: u64, to: u64| to.saturating_sub(from) as f64 / MILLION as f64;
        println!("bytes a key, {MILLION} stored responses");
        println!("  resident set             {:7.1}", each(before.0, after.0));
        println!("  asked of the allocator   {:7.1}", each(before.1, after.1));
        println!("  counted by the budget    {:7.1}", each(before.2, after.2));

        println!("bytes a caller, {CALLERS} of them, asked of the allocator");
        let per_key = async |is_one_caller: bool, when_full: WhenFull| {
            let store = MemoryStore::builder().budget(1 << 40).when_full(when_full).build();
            let service = test::init_service(app(&store)).await;
            let before = in_use();
            for number in 0..CALLERS {
                let mut request = request("/annotated", number);
                let caller = if is_one_caller { 0 } else { number };
                request.headers_mut().insert(AUTHORIZATION, HeaderValue::from(caller + MILLION));
                assert_eq!(service.call(request).await.unwrap().status(), 201);
            }
            in_use().saturating_sub(before) as f64 / CALLERS as f64
        };
        for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
            let (many, one) = (per_key(false, when_full).await, per_key(true, when_full).await);
            println!("  {:<24} {:7.1}", format!("{when_full:?}"), many - one);
        }

        println!("a claim on a vacant address, ns (median of {ROUNDS} alternating rounds)");
        let (mut few_ns, mut many_ns) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS as u64 {
            few_ns.push(vacant(&small, round * MILLION));
            many_ns.push(vacant(&large, round * MILLION));
        }
        compare("by itself", few_ns, many_ns);

        let (mut few_ns, mut many_ns) = (Vec::new(), Vec::new());
        for round in 2..2 + ROUNDS as u64 {
            let broken = || {
                let keys = round * MILLION..round * MILLION + REFUSED;
                keys.map(|number| request_with("/annotated", number, b"{")).collect()
            };
            few_ns.push(refused(&few, broken()).await);
            many_ns.push(refused(&many, broken()).await);
        }
        compare("in a request", few_ns, many_ns);
    });
}
