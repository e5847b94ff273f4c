//! Shutting down: new keys are refused, what runs ends, what has run is replayed.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use actix_web::{HttpResponse, Responder, post};
use futures_util::future::join_all;
use idempotent_runtime::{Drained, Idempotency, idempotent};
use idempotent_tests::{
    Http1, Reply, TestServer, fresh,
    scripted::{Fault, Scripted, Verb},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    time::sleep,
};

use crate::gate::{Gate, keyed, within};

const LONG: Duration = Duration::from_secs(30);

#[track_caller]
fn is_shutting_down(reply: &Reply) {
    assert_eq!((reply.status, reply.code().as_str()), (503, "shutting_down"), "{reply:?}");
    assert_eq!(reply.json()["retryable"], true);
    assert_eq!(
        reply.header("connection"),
        Some("close"),
        "a client that keeps its connection keeps the server"
    );
    assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
}

#[tokio::test]
async fn a_drain_of_nothing_is_complete_and_refuses_new_keys_from_then_on() {
    let (gate, idempotency) = (Gate::open(), fresh().build().unwrap());
    let server = gate.server(&idempotency);
    let stored = keyed("/patient", "stored", "");
    assert_eq!(Http1::once(server.address(), &stored).await.status, 201);
    assert_eq!(idempotency.drain(LONG).await, Drained::Complete);
    for _ in 0..2 {
        is_shutting_down(&Http1::once(server.address(), &keyed("/patient", "new", "")).await);
    }
    let replay = Http1::once(server.address(), &stored).await;
    assert_eq!((replay.status, replay.is_replay()), (201, true));
    assert_eq!(gate.effects(), 1);
}

/// Never keeps its key.
#[post("/drain/unauthorized")]
#[idempotent]
async fn unauthorized() -> impl Responder {
    HttpResponse::Unauthorized()
}

/// Two handles that name no store have one memory, and their requests follow each other. One that
/// is overtaken by the others for as long as it may wait is told that the key is in use.
#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_request_of_another_handle_that_drains_is_not_refused() {
    let handle = || Idempotency::builder().namespace("one of two handles drains").build().unwrap();
    let serve = |idempotency: &Idempotency| {
        let idempotency = idempotency.clone();
        TestServer::start(1, move |app| {
            app.app_data(idempotency.clone()).service(unauthorized);
        })
    };
    let (leaving, staying) = (handle(), handle());
    let (left, stayed) = (serve(&leaving), serve(&staying));
    assert_eq!(leaving.drain(LONG).await, Drained::Complete);
    let ask = |server: &TestServer, expected| {
        let address = server.address();
        tokio::spawn(async move {
            let mut connection = Http1::open(address).await;
            for _ in 0..2_000 {
                let reply = connection.exchange(&keyed("/drain/unauthorized", "k", "")).await;
                assert!([expected, 409].contains(&reply.status), "{reply:?}");
                if reply.header("connection") == Some("close") {
                    connection = Http1::open(address).await;
                }
            }
        })
    };
    let asked = (0..8).flat_map(|_| [ask(&left, 503), ask(&stayed, 401)]);
    for asked in within(join_all(asked)).await {
        asked.unwrap();
    }
}

#[tokio::test]
async fn a_key_refused_in_a_drain_is_free_for_another_process() {
    let (gate, store) = (Gate::open(), idempotent_runtime::MemoryStore::new());
    let process = || Idempotency::builder().store(store.clone()).build().unwrap();
    let (leaving, staying) = (process(), process());
    let (left, stayed) = (gate.server(&leaving), gate.server(&staying));
    assert_eq!(leaving.drain(LONG).await, Drained::Complete);
    let request = keyed("/patient", "k", "");
    is_shutting_down(&Http1::once(left.address(), &request).await);
    let retry = Http1::once(stayed.address(), &request).await;
    assert_eq!((retry.status, retry.is_replay()), (201, false));
    assert!(Http1::once(left.address(), &request).await.is_replay(), "a replay is no new execution");
}

#[tokio::test]
async fn a_drain_waits_until_a_claim_under_way_is_given_back() {
    let (gate, memory) = (Gate::open(), idempotent_runtime::MemoryStore::new());
    let store = Scripted::new(memory.clone());
    let leaving = Idempotency::builder().store(store.clone()).build().unwrap();
    let answered = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    store.next(Verb::Claim, 1, Fault::AnswersLate(std::sync::Arc::clone(&answered)));
    let server = gate.server(&leaving);
    let request = keyed("/patient", "k", "");
    let mut client = Http1::begin(server.address(), &request).await;
    store.called(Verb::Claim, 1).await;
    let short = Duration::from_millis(20);
    assert_eq!(leaving.drain(short).await, Drained::TimedOut { running: 1 });
    answered.add_permits(1);
    assert_eq!(leaving.drain(LONG).await, Drained::Complete);
    is_shutting_down(&within(client.reply()).await.unwrap());
    let staying = gate.server(&Idempotency::builder().store(memory).build().unwrap());
    let retry = Http1::once(staying.address(), &request).await;
    assert_eq!((retry.status, retry.is_replay()), (201, false), "the key is free again");
}

#[tokio::test]
async fn a_drain_waits_for_what_runs_and_lets_duplicates_join_it() {
    let (gate, idempotency) = (Gate::shut(), fresh().build().unwrap());
    let server = gate.server(&idempotency);
    let request = keyed("/patient", "k", "");
    let mut first = Http1::begin(server.address(), &request).await;
    gate.began().await;
    let draining = idempotency.clone();
    let drain = tokio::spawn(async move { draining.drain(LONG).await });
    // The task has begun to drain when this is refused; until then keys are taken.
    while !drain_has_begun(&server, &gate).await {}
    let mut duplicate = Http1::begin(server.address(), &request).await;
    is_shutting_down(&Http1::once(server.address(), &keyed("/patient", "new", "")).await);
    assert!(!drain.is_finished());
    gate.let_one_through();
    let first = within(first.reply()).await.unwrap();
    assert_eq!((first.status, first.is_replay()), (201, false));
    let duplicate = within(duplicate.reply()).await.unwrap();
    assert_eq!((duplicate.status, duplicate.is_replay(), &duplicate.body), (201, true, &first.body));
    assert_eq!(within(drain).await.unwrap(), Drained::Complete);
    assert!(Http1::once(server.address(), &request).await.is_replay());
}

async fn drain_has_begun(server: &idempotent_tests::TestServer, gate: &Gate) -> bool {
    let effects = gate.effects();
    let mut probe =
        Http1::begin(server.address(), &keyed("/impatient", &format!("probe-{effects}"), "")).await;
    let reply = tokio::select! {
        reply = probe.reply() => reply.unwrap(),
        () = gate.began() => {
            gate.let_one_through();
            return false;
        }
    };
    is_shutting_down(&reply);
    true
}

#[tokio::test]
async fn a_drain_says_how_many_executions_did_not_end() {
    let (gate, idempotency) = (Gate::shut(), fresh().build().unwrap());
    let server = gate.server(&idempotency);
    let mut connections = Vec::new();
    for key in ["a", "b"] {
        let connection = Http1::begin(server.address(), &keyed("/patient", key, "")).await;
        gate.began().await;
        connections.push(connection);
    }
    let drained = idempotency.drain(Duration::from_millis(50)).await;
    assert_eq!(drained, Drained::TimedOut { running: 2 });
    gate.let_one_through();
    gate.let_one_through();
    assert_eq!(idempotency.drain(LONG).await, Drained::Complete);
    for mut connection in connections {
        assert_eq!(within(connection.reply()).await.unwrap().status, 201);
    }
}

#[tokio::test]
async fn an_execution_whose_client_is_gone_is_waited_for() {
    let (gate, idempotency) = (Gate::shut(), fresh().build().unwrap());
    let server = gate.server(&idempotency);
    let request = keyed("/patient", "k", "");
    let connection = Http1::begin(server.address(), &request).await;
    gate.began().await;
    connection.reset();
    let drained = idempotency.drain(Duration::from_millis(50)).await;
    assert_eq!(drained, Drained::TimedOut { running: 1 });
    gate.let_one_through();
    assert_eq!(idempotency.drain(LONG).await, Drained::Complete);
    assert!(Http1::once(server.address(), &request).await.is_replay());
}

/// A process of its own, see `bin/drained_server.rs`.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Process {
    async fn start() -> Process {
        Self::start_with(&[]).await
    }

    async fn start_with(words: &[&str]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_drained_server"))
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = within(lines.next_line()).await.unwrap().unwrap().parse().unwrap();
        Process { child, lines, address }
    }

    /// A process that has got SIGTERM while its slow handler runs, and the connection that waits
    /// for that handler.
    async fn draining(slow_path: &str) -> (Process, Http1) {
        let mut process = Process::start().await;
        let slow = Http1::begin(process.address, &keyed(slow_path, "k", "")).await;
        process.says("effect").await;
        assert_eq!(process.post("/quick", "before").await.status, 201);
        process.signal("-TERM").await;
        process.is_draining().await;
        (process, slow)
    }

    /// A POST on a connection of its own.
    async fn post(&self, path: &str, key: &str) -> Reply {
        within(Http1::once(self.address, &keyed(path, key, ""))).await
    }

    /// Log of the process when it has ended.
    async fn logged(self) -> String {
        let output = within(self.child.wait_with_output()).await.unwrap();
        String::from_utf8(output.stderr).unwrap()
    }

    async fn says(&mut self, line: &str) {
        assert_eq!(within(self.lines.next_line()).await.unwrap().as_deref(), Some(line));
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
    }

    /// Sends new keys until one is refused: the drain has begun.
    async fn is_draining(&self) {
        for probe in 0.. {
            let reply = self.post("/quick", &format!("probe-{probe}")).await;
            if reply.status != 201 {
                return is_shutting_down(&reply);
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Lets the slow handler go on, and waits for the end.
    async fn finishes(&mut self) {
        assert_eq!(self.post("/finish", "finish").await.status, 200);
        assert_eq!(within(self.child.wait()).await.unwrap().code(), Some(0));
        assert_eq!(self.lines.next_line().await.unwrap(), None, "one effect");
        TcpStream::connect(self.address).await.unwrap_err();
    }
}

#[tokio::test]
async fn sigterm_lets_a_running_handler_answer_and_takes_nothing_new() {
    let (mut process, mut slow) = Process::draining("/slow").await;
    is_shutting_down(&process.post("/slow", "late").await);
    let stored = process.post("/quick", "before").await;
    assert_eq!((stored.status, stored.is_replay()), (201, true));
    process.finishes().await;
    let reply = within(slow.reply()).await.expect("a running handler is answered");
    assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, false, "done"));
}

#[tokio::test]
async fn new_connections_are_answered_for_as_long_as_a_drain_lasts() {
    let (mut process, _slow) = Process::draining("/slow").await;
    let late = (0..200).map(|number| {
        let request = keyed("/quick", &format!("late-{number}"), "");
        let address = process.address;
        async move { Http1::open(address).await.exchange(&request).await }
    });
    let late = within(futures_util::future::join_all(late)).await;
    late.iter().for_each(is_shutting_down);
    process.finishes().await;
}

#[tokio::test]
async fn sigterm_drains_every_handle_of_the_process() {
    // The one that `serve` was not given.
    let (mut process, mut slow) = Process::draining("/slow").await;
    is_shutting_down(&process.post("/own/quick", "late").await);
    process.finishes().await;
    assert_eq!(within(slow.reply()).await.unwrap().text(), "done");
    // And the one that it was given.
    let (mut process, mut slow) = Process::draining("/own/slow").await;
    is_shutting_down(&process.post("/own/quick", "late").await);
    process.finishes().await;
    assert_eq!(within(slow.reply()).await.unwrap().text(), "done");
}

#[tokio::test]
async fn a_handle_that_is_first_used_in_a_drain_refuses_new_keys_too() {
    let mut process = Process::start().await;
    let _slow = Http1::begin(process.address, &keyed("/own/slow", "k", "")).await;
    process.says("effect").await;
    process.signal("-TERM").await;
    // The handle of a process that has set up none is made with its first request.
    for probe in 0.. {
        let reply = process.post("/own/quick", &format!("probe-{probe}")).await;
        if reply.status != 201 {
            is_shutting_down(&reply);
            break;
        }
    }
    is_shutting_down(&process.post("/quick", "late").await);
    process.finishes().await;
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let (mut process, mut slow) = Process::draining("/slow").await;
    process.signal("-INT").await;
    assert_eq!(within(slow.reply()).await, None);
    assert_eq!(within(process.child.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn an_execution_that_a_stop_loses_is_said_to_have_an_unknown_outcome() {
    let mut process = Process::start_with(&["100"]).await;
    let _slow = Http1::begin(process.address, &keyed("/slow", "k", "")).await;
    process.says("effect").await;
    process.signal("-TERM").await;
    let logged = process.logged().await;
    assert!(logged.contains("their keys will be outcome_unknown running=1"), "{logged}");
    assert!(!logged.contains("ran nothing"), "{logged}");
}

#[tokio::test]
async fn a_claim_that_a_stop_loses_is_said_to_have_run_nothing() {
    let process = Process::start_with(&["100", "unanswered"]).await;
    for key in ["a", "b"] {
        let refused = Http1::once(process.address, &keyed("/own/quick", key, "")).await;
        assert_eq!((refused.status, refused.code().as_str()), (503, "store_unavailable"));
    }
    process.signal("-TERM").await;
    let logged = process.logged().await;
    assert!(logged.contains("claims that ran nothing"), "{logged}");
    assert!(logged.contains("claims=2"), "{logged}");
    assert!(!logged.contains("outcome_unknown"), "{logged}");
}
