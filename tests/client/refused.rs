//! Requests without a key that could stand for them: they are not sent at all.

use idempotent_client::{BoxError, FileJournal, Journal, Key, Operation, Unanswered};
use idempotent_tests::{Scratch, said};
use reqwest_middleware::{Error, RequestBuilder};

use crate::canned::{Canned, brisk, client};

/// Sends it to a server that would take it, and gives what the error says.
async fn refused(request: RequestBuilder, server: &Canned) -> String {
    let error = request.body("the body").send().await.unwrap_err();
    assert_eq!(server.seen().len(), 0, "{}", said(&error));
    let Error::Middleware(inner) = &error else { panic!("{error:?}") };
    assert!(!inner.is::<Unanswered>(), "{error:?}");
    said(&error)
}

/// A journal that has one text for everything, whatever that is.
#[derive(Debug)]
struct Table(&'static str);

impl Journal for Table {
    async fn load_or_insert(&self, _: &str, _: Key) -> Result<Key, BoxError> {
        Ok(Key::new(self.0)?)
    }

    async fn forget(&self, _: &str) -> Result<(), BoxError> {
        Ok(())
    }
}

fn order() -> Operation {
    Operation::named("order-42")
}

#[tokio::test]
async fn an_operation_on_a_request_that_gets_no_key_is_an_error() {
    for method in ["PUT", "DELETE", "GET"] {
        let server = Canned::answering([""; 0]).await;
        let client = client(brisk().journal(Table("key")));
        let request = client.request(method.parse().unwrap(), server.url()).with_extension(order());
        let text = refused(request, &server).await;
        assert_eq!(
            text,
            format!(
                "nothing was sent: operation order-42 is on a {method}, and only POST and PATCH get a key"
            )
        );
    }
}

#[tokio::test]
async fn an_operation_beside_a_key_set_by_hand_is_an_error() {
    let server = Canned::answering([""; 0]).await;
    let request = client(brisk().journal(Table("key"))).post(server.url());
    let text = refused(request.header("Idempotency-Key", "mine").with_extension(order()), &server).await;
    assert_eq!(
        text,
        "nothing was sent: operation order-42 is on a request that already has an idempotency-key; only one of them is allowed"
    );
}

#[tokio::test]
async fn nothing_is_sent_where_there_is_no_journal() {
    let server = Canned::answering([""; 0]).await;
    let text = refused(client(brisk()).post(server.url()).with_extension(order()), &server).await;
    let start = "nothing was sent: the key of operation order-42 is not kept: there is no journal, which ";
    assert!(text.starts_with(start), "{text}");
}

#[tokio::test]
async fn what_a_journal_has_and_is_no_key_is_not_sent() {
    let long = "x".repeat(256).leak();
    for (text, why) in [
        ("", "the key is empty; 1 to 255 characters are allowed"),
        (long, "the key is too long; 1 to 255 characters are allowed"),
        ("key\n", "the key may hold only visible ASCII characters and spaces"),
        ("\0\0", "the key may hold only visible ASCII characters and spaces"),
        ("schlüssel", "the key may hold only visible ASCII characters and spaces"),
    ] {
        let server = Canned::answering([""; 0]).await;
        let client = client(brisk().journal(Table(text)));
        let refusal = refused(client.post(server.url()).with_extension(order()), &server).await;
        let all = format!("nothing was sent: the key of operation order-42 is not kept: {why}");
        assert_eq!(refusal, all);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_bare_is_not_sent_bare_and_is_escaped_between_quotes() {
    for text in ["a b", "a,b", "\"quoted\"", "back\\slash\"quote"] {
        let server = Canned::answering([""; 0]).await;
        let request = client(brisk().journal(Table(text))).post(server.url()).body("the body");
        let answer = request.with_extension(order()).send().await.unwrap();
        assert_eq!(answer.extensions().get::<Key>().unwrap().as_str(), text);
        let escaped = text.replace('\\', r"\\").replace('"', r#"\""#);
        assert_eq!(server.seen()[0].key().unwrap(), format!("\"{escaped}\""));

        if text.contains([' ', ',', '"']) {
            let server = Canned::answering([""; 0]).await;
            let request = client(brisk().bare_keys().journal(Table(text))).post(server.url());
            let refusal = refused(request.with_extension(order()), &server).await;
            assert!(
                refusal.ends_with("without quotes may not hold a space, a comma or a quote"),
                "{refusal}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_set_by_hand_and_is_no_key_is_not_sent() {
    for (lines, why) in [
        (&[""][..], "the idempotency-key is no key: the key is empty; 1 to 255 characters are allowed"),
        (&["\"\""], "the idempotency-key is no key: the key is empty; 1 to 255 characters are allowed"),
        (&["\"open"], "the idempotency-key is no key: a key that starts with a quote must be one RFC 8941"),
        (
            &["\"a\", \"b\""],
            "the idempotency-key is no key: a key that starts with a quote must be one RFC 8941",
        ),
        (&["ü"], "the idempotency-key is no key: the key may hold only visible ASCII characters and spaces"),
        (&["a", "b"], "the request has idempotency-key more than once"),
    ] {
        let server = Canned::answering([""; 0]).await;
        let request = client(brisk()).post(server.url());
        let request = lines.iter().fold(request, |request, line| request.header("Idempotency-Key", *line));
        let refusal = refused(request, &server).await;
        assert!(refusal.starts_with(&format!("nothing was sent: {why}")), "{refusal}");
    }
}

#[tokio::test]
async fn a_damaged_file_of_the_journal_is_an_error_that_names_it_and_says_what_to_do() {
    for damage in [&b""[..], &[0; 36], &[0xff; 36], b"key", b"1 00000000 key\n"] {
        let (scratch, server) = (Scratch::new(), Canned::answering([""; 0]).await);
        let journal = FileJournal::open(scratch.file("keys")).unwrap();
        journal.load_or_insert("a", Key::new("key").unwrap()).await.unwrap();
        let file = scratch.file("keys/61");
        std::fs::write(&file, damage).unwrap();
        let request = client(brisk().journal(journal)).post(server.url());
        let refusal = refused(request.with_extension(Operation::named("a")), &server).await;
        let what = format!("the key of operation a is not kept: cannot read {}: {DAMAGED}", file.display());
        assert_eq!(refusal, format!("nothing was sent: {what}"));
        assert_eq!(std::fs::read(&file).unwrap(), damage, "it is somebody's to look at");
    }
}

const DAMAGED: &str = "it is damaged, or of another release, and the key in it may have been sent; \
     find out whether the operation took effect, and then remove the file";
