//! Results that tasks of an ordinary runtime get.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use idempotent_runtime::{Drained, Idempotency, Once};
use once::{Message, settle};
use tokio::time::sleep;

fn message(id: &str) -> Arc<Message> {
    Arc::new(Message { id: id.to_owned(), body: "100 EUR".to_owned() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_tasks_settle_one_message_once() {
    let (idempotency, runs) = (Idempotency::builder().build().unwrap(), Arc::new(AtomicU32::new(0)));
    for number in 0..50 {
        let message = message(&number.to_string());
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let runs = Arc::clone(&runs);
                let step = async move |key: String, message: Arc<Message>| {
                    sleep(Duration::from_millis(1)).await;
                    runs.fetch_add(1, SeqCst);
                    assert!(thread::current().name().is_some(), "it runs on a worker of the runtime");
                    Ok::<_, io::Error>(format!("{key} for {}", message.body))
                };
                tokio::spawn(settle(idempotency.clone(), Arc::clone(&message), step))
            })
            .collect();
        let mut told = Vec::new();
        for task in tasks {
            told.push(task.await.unwrap().unwrap());
        }
        assert_eq!(told.iter().filter(|told| matches!(told, Once::Ran(_))).count(), 1, "{told:?}");
        assert_eq!(told.iter().filter(|told| matches!(told, Once::Replayed(_))).count(), 15, "{told:?}");
    }
    assert_eq!(runs.load(SeqCst), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_fails_frees_its_key_and_a_drain_waits_for_one_that_runs() {
    let idempotency = Idempotency::builder().build().unwrap();
    let failed = settle(idempotency.clone(), message("k"), async |_, _| Err(io::ErrorKind::TimedOut.into()));
    assert!(failed.await.is_err());
    let slow = async |_, _| {
        sleep(Duration::from_millis(100)).await;
        Ok("a receipt".to_owned())
    };
    let running = tokio::spawn(settle(idempotency.clone(), message("k"), slow));
    sleep(Duration::from_millis(20)).await;
    assert_eq!(idempotency.drain(Duration::from_secs(10)).await, Drained::Complete);
    assert_eq!(running.await.unwrap().unwrap(), Once::Ran("a receipt".to_owned()));
}
