//! Recipes "Uploads" and "Compression".

use std::io::{Read, Write};

use actix_multipart::form::{MultipartForm, bytes::Bytes};
use actix_web::{App, HttpResponse, Responder, middleware::Compress, post, web};
use flate2::{read::GzDecoder, write::GzEncoder};
use idempotent_runtime::{Idempotency, MemoryStore, idempotent, testing::serve};

#[derive(MultipartForm)]
struct Upload {
    file: Bytes,
}

#[post("")]
#[idempotent(fingerprint = "canonical")]
async fn upload(form: MultipartForm<Upload>) -> impl Responder {
    HttpResponse::Created().body(form.file.data.len().to_string())
}

#[actix_web::test]
async fn an_upload_is_compared_by_its_parts() {
    let store = MemoryStore::new();
    let uploads = Idempotency::builder().store(store).max_request_body(20 << 20).build().unwrap();
    let server =
        serve(move || App::new().service(web::scope("/files").app_data(uploads.clone()).service(upload)));
    let send = async |boundary: &str, file: &str| {
        let part = "Content-Disposition: form-data; name=\"file\"; filename=\"a\"";
        let body = format!("--{boundary}\r\n{part}\r\n\r\n{file}\r\n--{boundary}--\r\n");
        let content_type = format!("multipart/form-data; boundary={boundary}");
        server.post("/files").header("content-type", content_type).body(body).send(Some("1")).await.unwrap()
    };
    let file = "x".repeat(2 << 20);
    assert_eq!(send("A", &file).await.text(), file.len().to_string());
    assert!(send("B", &file).await.is_replay());
    assert_eq!(send("C", "y").await.code().as_deref(), Some("key_reused"));
}

#[post("/orders")]
#[idempotent]
async fn create_order(order: String) -> impl Responder {
    HttpResponse::Created().body(order.repeat(50))
}

#[actix_web::test]
async fn extractors_decode_a_body_and_each_client_gets_the_encoding_it_asked_for() {
    let idempotency = Idempotency::builder().store(MemoryStore::new()).build().unwrap();
    let server = serve(move || {
        App::new().wrap(Compress::default()).app_data(idempotency.clone()).service(create_order)
    });
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"a long cup of tea").unwrap();
    let encoded = encoder.finish().unwrap();
    let send = async |accept: &str| {
        let request = server.post("/orders").header("content-encoding", "gzip").body(encoded.clone());
        request.header("accept-encoding", accept).send(Some("1")).await.unwrap()
    };
    let plain = "a long cup of tea".repeat(50);
    assert_eq!(send("identity").await.text(), plain);
    let replay = send("gzip").await;
    assert!(replay.is_replay());
    assert_eq!(replay.header("content-encoding"), Some("gzip"));
    let mut decoded = String::new();
    GzDecoder::new(&replay.body[..]).read_to_string(&mut decoded).unwrap();
    assert_eq!(decoded, plain);
    let other = server.post("/orders").body("a long cup of tea").send(Some("1")).await.unwrap();
    assert_eq!(other.code().as_deref(), Some("key_reused"));
}
