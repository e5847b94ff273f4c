//! Handlers that utoipa describes for one method and path are warned of at start.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use actix_web::HttpResponse;
use idempotent_runtime::{Idempotency, idempotent};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
};

#[utoipa::path(post, path = "/described-twice", operation_id = "first")]
#[idempotent]
#[allow(dead_code, reason = "is only described")]
async fn described_first() -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path(post, path = "/described-twice", operation_id = "second")]
#[idempotent]
#[allow(dead_code, reason = "is only described")]
async fn described_second() -> HttpResponse {
    HttpResponse::Created().finish()
}

/// Log, in lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        self.0 = format!("{} {value:?}", self.0);
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
}

#[test]
fn handlers_that_are_described_for_one_method_and_path_are_warned_of() {
    let lines = Lines::default();
    tracing::subscriber::with_default(Registry::default().with(lines.clone()), || {
        Idempotency::builder().build().unwrap();
    });
    let lines = lines.0.lock().unwrap();
    let warned: Vec<_> = lines.iter().filter(|line| line.contains("POST /described-twice")).collect();
    assert_eq!(warned.len(), 1, "{lines:?}");
    for word in ["WARN", "described_first", "described_second", "`headers = …`"] {
        assert!(warned[0].contains(word), "{word} in {}", warned[0]);
    }
}
