//! Recipe "OpenTelemetry".

use std::time::Duration;

use actix_web::{App, HttpResponse, Responder, post};
use idempotent_runtime::{Idempotency, MemoryStore, idempotent, testing::serve};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing_actix_web::TracingLogger;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

#[post("/orders")]
#[idempotent]
async fn create_order(order: String) -> impl Responder {
    tracing::info_span!("charge").in_scope(|| ());
    HttpResponse::Created().body(order)
}

fn outcome(span: &SpanData) -> String {
    let field = span.attributes.iter().find(|field| field.key.as_str() == "outcome");
    field.unwrap().value.to_string()
}

#[actix_web::test]
async fn each_request_is_a_span_in_the_trace_of_the_request() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let tracer = provider.tracer("shop");
    tracing_subscriber::registry()
        .with(EnvFilter::new("info,idempotent_runtime::request=debug"))
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .init();

    let idempotency = Idempotency::builder().store(MemoryStore::new()).build().unwrap();
    let server = serve(move || {
        App::new().wrap(TracingLogger::default()).app_data(idempotency.clone()).service(create_order)
    });
    for _ in 0..2 {
        server.post("/orders").body("tea").send(Some("1")).await.unwrap();
    }
    // The span of a request ends after its response is sent.
    let named = |name: &str| {
        let spans = exporter.get_finished_spans().unwrap();
        spans.into_iter().filter(|span| span.name == name).collect::<Vec<_>>()
    };
    while named("HTTP request").len() + named("POST /orders").len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let requests = named("idempotent_request");
    assert_eq!(requests.iter().map(outcome).collect::<Vec<_>>(), ["executed", "replayed"]);
    let all = exporter.get_finished_spans().unwrap();
    for request in &requests {
        assert!(all.iter().any(|span| span.span_context.span_id() == request.parent_span_id));
    }
    assert_eq!(named("charge")[0].parent_span_id, requests[0].span_context.span_id());
}
