//! A process to be killed: executes without end, and prints a line for each thing that the store
//! has acknowledged.
//!
//! `sqlite_writer <file> [early]`: prints `claimed <address>` and `stored <address>`, both in
//! hexadecimal. With `early` each line is printed before the store is asked, as a store would that
//! acknowledges before it commits.
//!
//! `sqlite_writer <file> race <keys>`: says `ready`. When its input has ended, claims so many keys
//! that are the same for every process, in an order of its own, each until it is answered. Prints
//! those it won.
#![allow(clippy::unwrap_used, reason = "what only tests run may fail as a test does")]

use std::{
    env,
    hash::{BuildHasher, RandomState},
    io::{self, Write, stdin, stdout},
    path::PathBuf,
};

use futures_util::future::join_all;
use idempotent_runtime::{
    Address, SqliteStore, Store,
    store::{Claim, Completion, Hold, Record},
};
use idempotent_tests::requests::{KEPT, WON, hold, request};

const IN_FLIGHT: usize = 32;

fn say(what: &str, hold: &Hold) {
    let address = hold.address.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // One write a line: a line that is cut off by the kill has no end, and is not read.
    stdout().lock().write_all(format!("{what} {address}\n").as_bytes()).unwrap();
}

async fn execute(store: &SqliteStore, early: bool) {
    let hold = hold();
    if early {
        say("claimed", &hold);
    }
    assert_eq!(store.claim(request(hold)).await.unwrap(), WON);
    say(if early { "stored" } else { "claimed" }, &hold);
    let record = Record::from_bytes(hold.address.as_bytes().to_vec());
    assert_eq!(store.complete(hold, record, KEPT).await.unwrap(), Completion::Stored);
    if !early {
        say("stored", &hold);
    }
}

async fn execute_without_end(store: SqliteStore, early: bool) {
    loop {
        execute(&store, early).await;
    }
}

/// Claims the keys 1 to `keys`, as every other process does at the same time, and says which it
/// won.
async fn race(store: SqliteStore, keys: u64) {
    let (random, mut keys) = (RandomState::new(), (1..=keys).collect::<Vec<_>>());
    keys.sort_by_key(|key| random.hash_one(key));
    println!("ready");
    io::copy(&mut stdin(), &mut io::sink()).unwrap();
    for key in keys {
        let address = Address::from_bytes(std::array::from_fn(|at| key.to_le_bytes()[at % 8]));
        let hold = Hold { address, ..hold() };
        if claimed(&store, hold).await == WON {
            say("claimed", &hold);
        }
    }
}

/// Final answer to a claim. A claim that is not answered in time is repeated with its token: it may
/// have been made.
async fn claimed(store: &SqliteStore, hold: Hold) -> Claim {
    loop {
        match store.claim(request(hold)).await {
            Ok(claim) => return claim,
            Err(error) => eprintln!("asks again: {error}"),
        }
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let store = SqliteStore::open(PathBuf::from(&arguments[0])).await.unwrap();
    let how = arguments.get(1).map(String::as_str);
    if how == Some("race") {
        return race(store, arguments[2].parse().unwrap()).await;
    }
    let callers: Vec<_> = (0..IN_FLIGHT)
        .map(|_| tokio::spawn(execute_without_end(store.clone(), how == Some("early"))))
        .collect();
    join_all(callers).await.into_iter().for_each(|caller| caller.unwrap());
}
