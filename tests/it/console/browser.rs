//! One browser for all tests of this process, which use it one after the other.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{LazyLock, Mutex, PoisonError},
};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::page::Page;

/// Runs the driver until its standard input ends, as it does with this process, however that ends.
/// Then it ends the group of processes that it began, and removes what they have written.
const DRIVER: &str = r#"
    export TMPDIR=$(mktemp -d)
    export HOME=$TMPDIR
    chromedriver --port=0 2>&1 &
    read -r _
    trap '' TERM
    kill 0
    wait
    until rm -rf "$TMPDIR" 2>/dev/null; do sleep 0.1; done
"#;

struct Browser {
    runtime: Runtime,
    client: Client,
    // While it is there the browser is.
    _driver: Child,
}

static BROWSER: LazyLock<Mutex<Browser>> = LazyLock::new(|| Mutex::new(Browser::start()));

/// Does `test` with the browser, in a page that is empty.
pub(super) fn browse(test: impl AsyncFnOnce(Page)) {
    let browser = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    browser.runtime.block_on(async {
        let page = Page::new(browser.client.clone());
        page.reset().await;
        test(page).await;
    });
}

impl Browser {
    fn start() -> Browser {
        let mut driver = Command::new("sh")
            .args(["-c", DRIVER])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| Some(line.split_once("successfully on port ")?.1.to_owned()));
        let port = port.expect("chromedriver is there: `./test` installs chromium and chromium-driver");
        std::thread::spawn(move || lines.for_each(drop));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(connect(port.trim_end_matches('.')));
        Browser { runtime, client, _driver: driver }
    }
}

async fn connect(port: &str) -> Client {
    let options = json!({ "args": [
        "--headless=new",
        // The tests may be root's, for whom Chromium has no sandbox.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ] });
    let Value::Object(capabilities) = json!({ "goog:chromeOptions": options }) else { unreachable!() };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities);
    builder.connect(&format!("http://127.0.0.1:{port}")).await.expect("chromium starts")
}
