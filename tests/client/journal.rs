//! Keys that outlive the client.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use actix_web::web;
use futures_util::future::join_all;
use idempotent_client::{FileJournal, Journal, Key, Operation};
use idempotent_runtime::idempotent;
use idempotent_tests::{
    Scratch, TestServer,
    proxy::{Cut, How, Proxy},
    said,
};

use crate::canned::{brisk, client};

#[idempotent]
async fn count(body: String, effects: web::Data<AtomicUsize>) -> String {
    format!("{body} {}", effects.fetch_add(1, SeqCst) + 1)
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// A client with nothing in its memory, as after a restart.
async fn place(scratch: &Scratch, proxy: &Proxy) -> reqwest_middleware::Result<reqwest::Response> {
    let settings = brisk().tries(1).journal(FileJournal::open(scratch.file("keys")).unwrap());
    let url = format!("http://127.0.0.1:{}/order", proxy.port());
    client(settings).post(url).body("tea").with_extension(Operation::named("order-42")).send().await
}

#[tokio::test]
async fn a_restarted_client_goes_on_with_the_same_key_and_has_one_effect() {
    let effects = Arc::new(AtomicUsize::new(0));
    let counted = web::Data::from(Arc::clone(&effects));
    let server = TestServer::start(1, move |app| {
        app.app_data(counted.clone()).route("/order", web::post().to(count));
    });
    let (scratch, proxy) = (Scratch::new(), Proxy::to(server.address().port()).await);
    proxy.cut(Cut { text: "tea", how: How::After });
    place(&scratch, &proxy).await.unwrap_err();

    let answer = place(&scratch, &proxy).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "tea 1");
    assert_eq!(effects.load(SeqCst), 1);

    FileJournal::open(scratch.file("keys")).unwrap().forget("order-42").await.unwrap();
    assert_eq!(place(&scratch, &proxy).await.unwrap().text().await.unwrap(), "tea 2");
}

#[tokio::test]
async fn everybody_who_asks_at_once_gets_the_same_key() {
    let scratch = Scratch::new();
    let journals: Vec<_> = (0..50).map(|_| FileJournal::open(scratch.file("keys")).unwrap()).collect();
    let asked = journals
        .iter()
        .enumerate()
        .map(|(number, journal)| journal.load_or_insert("one", key(&format!("key-{number}"))));
    let keys: Vec<Key> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(std::fs::read_dir(scratch.file("keys")).unwrap().count(), 1);
}

#[tokio::test]
async fn operations_of_different_names_have_different_keys_whatever_characters_they_hold() {
    let scratch = Scratch::new();
    let journal = FileJournal::open(scratch.file("keys")).unwrap();
    for name in ["a", "A", "../a", "a/b", "ä", "a.b"] {
        let own = key(&format!("key of {name:?}").replace('ä', "ae"));
        assert_eq!(journal.load_or_insert(name, own.clone()).await.unwrap(), own);
    }
    assert!(journal.load_or_insert("", key("key")).await.is_err());
    assert!(journal.load_or_insert(&"x".repeat(101), key("key")).await.is_err());
}

/// A journal that has kept a key for the operation `a`, its file, and what is in it.
async fn kept(scratch: &Scratch) -> (FileJournal, PathBuf, Vec<u8>) {
    let journal = FileJournal::open(scratch.file("keys")).unwrap();
    journal.load_or_insert("a", key("0190a5f2-b8c9-7d3e-8f6a-1b2c3d4e5f60")).await.unwrap();
    let file = scratch.file("keys/61");
    let whole = fs::read(&file).unwrap();
    (journal, file, whole)
}

/// Fails unless the journal says that the file of operation `a` is damaged.
async fn is_damaged(journal: &FileJournal, file: &Path, text: &[u8]) {
    fs::write(file, text).unwrap();
    let found = journal.load_or_insert("a", key("another")).await;
    let error = found.err().and_then(|error| error.downcast::<std::io::Error>().ok());
    let shown = String::from_utf8_lossy(text);
    let error = error.unwrap_or_else(|| panic!("{shown:?} is taken for a key"));
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{shown:?}");
}

#[tokio::test]
async fn every_flipped_bit_of_a_keys_file_is_an_error_and_no_other_key() {
    let scratch = Scratch::new();
    let (journal, file, whole) = kept(&scratch).await;
    for bit in 0..8 * whole.len() {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        is_damaged(&journal, &file, &flipped).await;
    }
}

#[tokio::test]
async fn every_cut_of_a_keys_file_is_an_error_and_no_shorter_key() {
    let scratch = Scratch::new();
    let (journal, file, whole) = kept(&scratch).await;
    for length in 0..whole.len() {
        is_damaged(&journal, &file, &whole[..length]).await;
        is_damaged(&journal, &file, &whole[whole.len() - length..]).await;
        let zeroed = [&whole[..length], &vec![0; whole.len() - length]].concat();
        is_damaged(&journal, &file, &zeroed).await;
    }
    is_damaged(&journal, &file, &[&whole[..], b"\n"].concat()).await;
    is_damaged(&journal, &file, &whole.repeat(2)).await;
}

#[tokio::test]
async fn a_file_that_was_another_operations_is_an_error_and_not_its_key() {
    let scratch = Scratch::new();
    let (journal, file, whole) = kept(&scratch).await;
    journal.load_or_insert("b", key("key of b")).await.unwrap();
    is_damaged(&journal, &file, &fs::read(scratch.file("keys/62")).unwrap()).await;
    fs::write(&file, whole).unwrap();
    let kept = journal.load_or_insert("a", key("another")).await.unwrap();
    assert_eq!(kept, key("0190a5f2-b8c9-7d3e-8f6a-1b2c3d4e5f60"));
}

#[tokio::test]
async fn what_a_killed_process_was_writing_is_removed_when_it_is_old() {
    let scratch = Scratch::new();
    let journal = FileJournal::open(scratch.file("keys")).unwrap();
    journal.load_or_insert("a", key("key")).await.unwrap();
    let draft = |last: char| scratch.file("keys").join(format!("61.0190a5f2b8c97d3e8f6a1b2c3d4e5f6{last}"));
    let (old, new) = (draft('0'), draft('1'));
    let others = [
        "shop.db",
        "README",
        "config.toml",
        "61.old",
        "6.0190a5f2b8c97d3e8f6a1b2c3d4e5f60",
        "x1.0190a5f2b8c97d3e8f6a1b2c3d4e5f60",
    ];
    let others = others.map(|name| scratch.file("keys").join(name));
    for file in [&old, &new].into_iter().chain(&others) {
        fs::write(file, "half a").unwrap();
    }
    let (now, two_hours) = (SystemTime::now(), Duration::from_secs(7200));
    for path in [&old, &scratch.file("keys/61")].into_iter().chain(&others) {
        fs::File::options().write(true).open(path).unwrap().set_modified(now - two_hours).unwrap();
    }
    let journal = FileJournal::open(scratch.file("keys")).unwrap();
    assert_eq!((old.exists(), new.exists()), (false, true));
    assert!(
        others.iter().all(|file| file.exists()),
        "what is not the journal's is not the journal's to remove"
    );
    assert_eq!(journal.load_or_insert("a", key("another")).await.unwrap(), key("key"));
}

#[tokio::test]
async fn the_folder_is_made_with_all_that_is_missing_above_it_and_what_fails_names_its_path() {
    let scratch = Scratch::new();
    let folder = scratch.file("shop/of/ours/keys");
    let journal = FileJournal::open(&folder).unwrap();
    assert_eq!(journal.load_or_insert("a", key("key")).await.unwrap(), key("key"));

    fs::write(scratch.file("file"), "").unwrap();
    let error = FileJournal::open(scratch.file("file/keys")).unwrap_err();
    let path = scratch.file("file/keys");
    assert_eq!(said(&error), format!("cannot make {}: Not a directory (os error 20)", path.display()));
    assert_eq!(error.kind(), std::io::ErrorKind::NotADirectory);

    fs::remove_dir_all(&folder).unwrap();
    let error = journal.load_or_insert("a", key("key")).await.unwrap_err();
    let all = format!("cannot write {}: No such file or directory (os error 2)", folder.join("61").display());
    assert_eq!(said(&*error), all);
    fs::create_dir_all(folder.join("61")).unwrap();
    let error = said(&*journal.forget("a").await.unwrap_err());
    assert!(error.starts_with(&format!("cannot remove {}: ", folder.join("61").display())), "{error}");
}
