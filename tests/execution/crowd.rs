//! Limits on the requests that may wait in one process, whichever handle they wait at, and on those
//! of one caller. They wait for another execution, or for the rest of their bodies.

use std::ops::Range;

use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, join_all, select_all},
};
use idempotent_tests::{Http1, Http2, Http2Exchange, Reply, TestServer, fresh};

use crate::gate::{Gate, keyed_by, within};

/// As many as may wait for a key, and as many as may wait for a caller.
const A_CALLER: usize = 1024;
const A_PROCESS: usize = 8192;
const A_CONNECTION: usize = 64;

/// The bounds are the process's, so a test has a process to itself.
fn alone(name: &str, test: impl Future<Output = ()>) {
    if idempotent_tests::alone(&format!("crowd::{name}")).is_none() {
        tokio::runtime::Runtime::new().unwrap().block_on(test);
    }
}

#[test]
fn the_8193rd_waiter_of_a_process_is_refused_at_once() {
    alone("the_8193rd_waiter_of_a_process_is_refused_at_once", async {
        let gate = Gate::shut();
        let servers = [(); 2].map(|()| gate.server(&fresh().build().unwrap()));
        let mut crowd = Vec::new();
        for key in 0..A_PROCESS / A_CALLER {
            let caller = Caller { server: &servers[key % 2], name: &key.to_string() };
            crowd.push(caller.leads(key, &gate).await.reply().boxed_local());
            crowd.extend(caller.fills(key..key + 1).await);
        }
        let ninth = Caller { server: &servers[0], name: "ninth" };
        let first = ninth.leads(8, &gate).await;
        is_in_progress(within(ninth.sends(8).await.reply()).await);
        for _ in 0..=A_PROCESS / A_CALLER {
            gate.let_one_through();
        }
        assert_eq!(replays(crowd).await, A_PROCESS);
        assert_eq!(within(first.reply()).await.unwrap().status, 201);
        // Who has been answered has given its place back.
        Caller { server: &servers[1], name: "0" }.waits(9, &gate).await;
        assert_eq!(gate.effects(), 10);
    });
}

#[test]
fn one_caller_takes_no_more_than_1024_places_and_others_wait_as_ever() {
    alone("one_caller_takes_no_more_than_1024_places_and_others_wait_as_ever", async {
        let gate = Gate::shut();
        let server = gate.server(&fresh().build().unwrap());
        let greedy = Caller { server: &server, name: "greedy" };
        let mut crowd = Vec::new();
        for key in 0..3 {
            crowd.push(greedy.leads(key, &gate).await.reply().boxed_local());
        }
        crowd.extend(greedy.fills(0..2).await);
        is_in_progress(within(greedy.sends(2).await.reply()).await);
        // The first three are held up: the gate lets through whoever has waited longest.
        (0..3).for_each(|_| gate.let_one_through());
        assert_eq!(replays(crowd).await, A_CALLER);
        greedy.waits(3, &gate).await;
        assert_eq!(gate.effects(), 4);
    });
}

#[test]
fn nobody_else_is_refused_while_one_caller_has_all_the_places_that_it_may_take() {
    alone("nobody_else_is_refused_while_one_caller_has_all_the_places_that_it_may_take", async {
        let (gate, others) = (Gate::shut(), Gate::shut());
        let idempotency = fresh().build().unwrap();
        let servers = [&gate, &others].map(|gate| gate.server(&idempotency));
        let greedy = Caller { server: &servers[0], name: "greedy" };
        let mut crowd = vec![greedy.leads(0, &gate).await.reply().boxed_local()];
        crowd.extend(greedy.fills(0..1).await);
        Caller { server: &servers[1], name: "modest" }.waits(1, &others).await;
        is_in_progress(within(greedy.sends(0).await.reply()).await);
        gate.let_one_through();
        assert_eq!(replays(crowd).await, A_CALLER);
    });
}

#[test]
fn nothing_more_is_read_for_a_caller_who_has_all_the_places_that_it_may_take() {
    alone("nothing_more_is_read_for_a_caller_who_has_all_the_places_that_it_may_take", async {
        let gate = Gate::open();
        let server = gate.server(&fresh().build().unwrap());
        let mut slow = Vec::new();
        for key in 0..=A_CALLER {
            slow.push(half_sent(&server, "greedy", key).await);
        }
        // One more than there are places: that one is told so, and all others are read.
        let (refused, sending) = {
            let replies = slow.iter_mut().map(|connection| connection.reply().boxed_local());
            let (refused, at, _) = within(select_all(replies)).await;
            assert_eq!(refused.as_ref().unwrap().header("connection"), Some("close"));
            (refused, slow.into_iter().enumerate().filter_map(move |(of, slow)| (of != at).then_some(slow)))
        };
        is_in_progress(refused);
        let mut sending: Vec<Http1> = sending.collect();
        assert_eq!(gate.effects(), 0);
        // A body whose length nobody knows is not read to its end either.
        let mut chunked = begun(
            &server,
            "greedy",
            "Idempotency-Key: chunked\r\nTransfer-Encoding: chunked",
            "4\r\nhalf\r\n",
        )
        .await;
        is_in_progress(within(chunked.reply()).await);
        assert!(within(chunked.reply()).await.is_none(), "the connection is closed");
        // What comes with its head waits for nothing, and others are read as ever.
        let whole = keyed_by("greedy", "/patient", "whole", "same");
        assert_eq!(within(Http1::once(server.address(), &whole)).await.status, 201);
        let mut other = half_sent(&server, "modest", 0).await;
        other.send(REST).await;
        assert_eq!(within(other.reply()).await.unwrap().status, 201);
        // Who has been read, or has gone, has given its place back.
        let mut first = sending.pop().unwrap();
        first.send(REST).await;
        assert_eq!(within(first.reply()).await.unwrap().status, 201);
        let mut next = half_sent(&server, "greedy", A_CALLER + 1).await;
        next.send(REST).await;
        assert_eq!(within(next.reply()).await.unwrap().status, 201);
        assert_eq!(gate.effects(), 4);
    });
}

const HALF: &str = "the first half";
const REST: &[u8] = b" and the rest";

/// A request of which half of the body is sent.
async fn half_sent(server: &TestServer, caller: &str, key: usize) -> Http1 {
    let length = HALF.len() + REST.len();
    let headers = format!("Idempotency-Key: {key}\r\nContent-Length: {length}");
    begun(server, caller, &headers, HALF).await
}

/// A request with these headers, of whose body this is sent.
async fn begun(server: &TestServer, caller: &str, headers: &str, body: &str) -> Http1 {
    let mut connection = Http1::open(server.address()).await;
    let head = format!("POST /patient HTTP/1.1\r\nHost: t\r\nAuthorization: {caller}\r\n{headers}");
    connection.send(format!("{head}\r\n\r\n{body}").as_bytes()).await;
    connection
}

/// Somebody with credentials.
#[derive(Clone, Copy)]
struct Caller<'a> {
    server: &'a TestServer,
    name: &'a str,
}

impl Caller<'_> {
    /// Sends the first request of a key.
    async fn leads(self, key: usize, gate: &Gate) -> Http2Exchange {
        let first = self.sends(key).await;
        gate.began().await;
        first
    }

    /// Sends one more request than may wait, spread over the keys: when that one has been refused,
    /// the others wait.
    async fn fills(self, keys: Range<usize>) -> Vec<LocalBoxFuture<'static, Option<Reply>>> {
        let mut sent = Vec::new();
        while sent.len() <= A_CALLER {
            let (connection, _) = Http2::open(self.server.address()).await;
            for _ in 0..A_CONNECTION.min(A_CALLER + 1 - sent.len()) {
                let key = keys.start + sent.len() % keys.len();
                sent.push(self.send(&connection, key).await.reply().boxed_local());
            }
        }
        let (refused, _, waiting) = within(select_all(sent)).await;
        is_in_progress(refused);
        waiting
    }

    /// Finds places for two duplicates.
    async fn waits(self, key: usize, gate: &Gate) {
        let first = self.leads(key, gate).await;
        let duplicates = [self.sends(key).await, self.sends(key).await];
        gate.let_one_through();
        assert_eq!(within(first.reply()).await.unwrap().status, 201);
        for duplicate in duplicates {
            assert!(within(duplicate.reply()).await.unwrap().is_replay());
        }
    }

    async fn sends(self, key: usize) -> Http2Exchange {
        let (connection, _) = Http2::open(self.server.address()).await;
        self.send(&connection, key).await
    }

    async fn send(self, connection: &Http2, key: usize) -> Http2Exchange {
        let key = key.to_string();
        let headers = [("idempotency-key", key.as_str()), ("authorization", self.name)];
        connection.send("/patient", &headers, "same".into()).await
    }
}

async fn replays(sent: Vec<LocalBoxFuture<'static, Option<Reply>>>) -> usize {
    let replies = within(join_all(sent)).await;
    replies.into_iter().flatten().filter(Reply::is_replay).count()
}

#[track_caller]
fn is_in_progress(reply: Option<Reply>) {
    let reply = reply.unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (409, "in_progress"), "{reply:?}");
}
