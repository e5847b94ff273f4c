//! Events that a handler logs: they belong to its request's span, whatever became of the
//! connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use actix_web::{HttpResponse, Responder, dev::Service, post, web};
use idempotent_runtime::idempotent;
use idempotent_tests::{Http1, TestServer, fresh};
use tokio::sync::Semaphore;
use tracing::{
    Event, Instrument, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

use crate::gate::{Gate, keyed, within};

const TARGET: &str = "idempotent_tests::handler";

/// Request whose span each event of the handlers stood in, by message.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<HashMap<String, Option<String>>>>);

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0 = format!("{value:?}");
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == TARGET
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut request = Text::default();
        attributes.record(&mut request);
        context.span(id).unwrap().extensions_mut().insert(request);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut message = Text::default();
        event.record(&mut message);
        let span = context.event_span(event);
        let request = span.and_then(|span| span.extensions().get::<Text>().map(|text| text.0.clone()));
        self.0.lock().unwrap().insert(message.0, request);
    }
}

impl Seen {
    /// One for the whole process: the server's threads log to it too.
    fn everywhere() -> Seen {
        static SEEN: OnceLock<Seen> = OnceLock::new();
        let install = || {
            let seen = Seen::default();
            tracing::subscriber::set_global_default(Registry::default().with(seen.clone())).unwrap();
            seen
        };
        SEEN.get_or_init(install).clone()
    }

    #[track_caller]
    fn is_in_span_of(&self, message: &str, request: &str) {
        let seen = self.0.lock().unwrap();
        assert_eq!(seen.get(message), Some(&Some(request.to_owned())), "{message} in {seen:?}");
    }
}

#[post("/logs/{name}")]
#[idempotent(ttl = "24h", wait = "60s")]
async fn logs(name: web::Path<String>, gate: web::Data<Gate>) -> impl Responder {
    tracing::info!(target: TARGET, "{name} began");
    gate.pass().await;
    tracing::info!(target: TARGET, "{name} ends");
    HttpResponse::Created().finish()
}

/// A server whose requests have a span each, named by their path. It tells when a request's future
/// is gone.
fn server(gate: &Gate) -> (TestServer, Arc<Semaphore>) {
    let (gate, gone) = (gate.clone(), Arc::new(Semaphore::new(0)));
    let (idempotency, is_gone) = (fresh().build().unwrap(), Arc::clone(&gone));
    let server = TestServer::start(1, move |app| {
        let is_gone = Arc::clone(&is_gone);
        let scope = web::scope("")
            .wrap_fn(move |request, service| {
                let gone = Gone(Arc::clone(&is_gone));
                let span = tracing::info_span!(target: TARGET, "request", path = request.path());
                let response = service.call(request);
                async move {
                    let _gone = gone;
                    response.await
                }
                .instrument(span)
            })
            .service(logs);
        app.app_data(idempotency.clone()).app_data(web::Data::new(gate.clone())).service(scope);
    });
    (server, gone)
}

struct Gone(Arc<Semaphore>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

#[tokio::test]
async fn an_execution_runs_in_its_requests_span() {
    let (seen, gate) = (Seen::everywhere(), Gate::shut());
    let (server, _) = server(&gate);
    let mut connection = Http1::begin(server.address(), &keyed("/logs/stays", "k", "")).await;
    gate.began().await;
    gate.let_one_through();
    assert_eq!(within(connection.reply()).await.unwrap().status, 201);
    seen.is_in_span_of("stays began", "\"/logs/stays\"");
    seen.is_in_span_of("stays ends", "\"/logs/stays\"");
}

#[tokio::test]
async fn an_execution_stays_in_its_requests_span_when_the_connection_is_gone() {
    let (seen, gate) = (Seen::everywhere(), Gate::shut());
    let (server, gone) = server(&gate);
    let connection = Http1::begin(server.address(), &keyed("/logs/leaves", "k", "")).await;
    gate.began().await;
    connection.reset();
    within(gone.acquire()).await.unwrap().forget();
    gate.let_one_through();
    let retry = within(Http1::once(server.address(), &keyed("/logs/leaves", "k", ""))).await;
    assert_eq!((retry.status, retry.is_replay()), (201, true));
    seen.is_in_span_of("leaves began", "\"/logs/leaves\"");
    seen.is_in_span_of("leaves ends", "\"/logs/leaves\"");
    assert_eq!(gate.effects(), 1);
}
