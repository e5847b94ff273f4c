//! The kit for the tests of applications: what it passes, what it finds, and its store.

mod faults;
mod outside;
mod right;
mod unreliable;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{
    HttpResponse,
    web::{self, ServiceConfig},
};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Effects that an endpoint has had.
#[derive(Clone, Default)]
pub(crate) struct Effects(Arc<AtomicUsize>);

impl Effects {
    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// One more, which takes its time, and an answer that tells its number.
    pub(crate) async fn happen(&self) -> HttpResponse {
        sleep(Duration::from_millis(20)).await;
        let number = self.0.fetch_add(1, SeqCst) + 1;
        HttpResponse::Created().insert_header(("X-Number", number)).json(json!({ "number": number }))
    }

    pub(crate) fn register(&self, app: &mut ServiceConfig) {
        app.app_data(web::Data::new(self.clone()));
    }
}

pub(crate) fn order() -> Value {
    json!({ "sku": "tea", "quantity": 2 })
}
