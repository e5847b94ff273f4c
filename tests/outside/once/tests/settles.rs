//! Results that tasks of an ordinary runtime get.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use idempotent_runtime::{Drained, Idempotency, Once};
use once::{Message, settle};
use tokio::{sync::oneshot, task::yield_now, time::timeout};

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
                    yield_now().await;
                    runs.fetch_add(1, SeqCst);
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
    let ((begins, begun), (ends, ended)) = (oneshot::channel(), oneshot::channel::<()>());
    let slow = async move |_, _| {
        begins.send(()).unwrap();
        ended.await.unwrap();
        Ok("a receipt".to_owned())
    };
    let running = tokio::spawn(settle(idempotency.clone(), message("k"), slow));
    begun.await.unwrap();
    let mut drained = Box::pin(idempotency.drain(Duration::from_secs(10)));
    assert!(timeout(Duration::ZERO, &mut drained).await.is_err(), "the step runs still");
    ends.send(()).unwrap();
    assert_eq!(drained.await, Drained::Complete);
    assert_eq!(running.await.unwrap().unwrap(), Once::Ran("a receipt".to_owned()));
}
