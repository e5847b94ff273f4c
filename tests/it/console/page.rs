//! A page, as its reader sees and handles it.

use std::{future::Future, time::Duration};

use fantoccini::{
    Client, Locator,
    actions::{InputSource, KeyAction, KeyActions},
    wd::WebDriverCompatibleCommand,
};
use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use url::Url;

/// Time in which something has to become true.
const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub(super) struct Page {
    client: Client,
}

/// Key on the keyboard, as WebDriver names it.
pub(super) const TAB: char = '\u{e004}';
pub(super) const ENTER: char = '\u{e007}';
pub(super) const ESCAPE: char = '\u{e00c}';
pub(super) const DOWN: char = '\u{e015}';

impl Page {
    pub(super) fn new(client: Client) -> Page {
        Page { client }
    }

    /// One window, of usual size, in which nothing is.
    pub(super) async fn reset(&self) {
        let mut windows = self.client.windows().await.unwrap();
        while windows.len() > 1 {
            self.client.switch_to_window(windows.pop().unwrap()).await.unwrap();
            self.client.close_window().await.unwrap();
        }
        self.client.switch_to_window(windows.pop().unwrap()).await.unwrap();
        self.look(1440, 900, "light").await;
        self.open("about:blank").await;
    }

    pub(super) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Opens the page and gives the token.
    pub(super) async fn unlock(&self, url: &str, token: &str) {
        self.open(url).await;
        self.give(token).await;
        self.until("!document.getElementById('unlock').open").await;
        self.until("document.querySelector('#policies-body table')").await;
    }

    /// Writes a token into the dialog that asks for it, and sends it.
    pub(super) async fn give(&self, token: &str) {
        self.until("document.getElementById('unlock').open").await;
        self.fill("#token", token).await;
        self.press(&[ENTER]).await;
    }

    /// The value of an expression of JavaScript.
    pub(super) async fn js(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}"), vec![]).await
    }

    pub(super) async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression of JavaScript is true.
    pub(super) async fn until(&self, expression: &str) {
        let expression = format!("Boolean({expression})");
        let is_true = async {
            while self.js(&expression).await != true {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = timeout(TIMEOUT, is_true).await.is_ok();
        assert!(in_time, "this never became true: {expression}, on\n{}", self.text("body").await);
    }

    /// Waits until so many keys are listed.
    pub(super) async fn until_stuck(&self, count: usize) {
        self.until(&format!(
            "document.getElementById('stuck-loading').hidden && \
             document.querySelectorAll('#stuck-list li').length === {count}"
        ))
        .await;
    }

    /// Text that a reader sees of the first such element.
    pub(super) async fn text(&self, selector: &str) -> String {
        self.client.find(Locator::Css(selector)).await.unwrap().text().await.unwrap()
    }

    pub(super) async fn click(&self, selector: &str) {
        let clicked = async { self.client.find(Locator::Css(selector)).await?.click().await };
        clicked.await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Writes `text` into an empty field.
    pub(super) async fn fill(&self, selector: &str, text: &str) {
        let field = self.client.find(Locator::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses an option by its value.
    pub(super) async fn choose(&self, selector: &str, value: &str) {
        self.client.find(Locator::Css(selector)).await.unwrap().select_by_value(value).await.unwrap();
    }

    /// Presses keys, one after the other.
    pub(super) async fn press(&self, keys: &[char]) {
        let begin = KeyActions::new("keyboard".to_owned());
        let pressed = keys.iter().fold(begin, |actions, key| {
            actions.then(KeyAction::Down { value: *key }).then(KeyAction::Up { value: *key })
        });
        self.client.perform_actions(pressed).await.unwrap();
    }

    /// Sets the size of the window, and the colours that its reader prefers.
    pub(super) async fn look(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Result of a command of the browser's own protocol.
    pub(super) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let command = DevTools(json!({ "cmd": command, "params": parameters }));
        self.client.issue_cmd(command).await.unwrap()
    }

    /// Does something in a second window, which is closed afterwards.
    pub(super) async fn in_another_window<F: Future<Output = ()>>(&self, act: impl FnOnce(Page) -> F) {
        let first = self.client.window().await.unwrap();
        let second = self.client.new_window(false).await.unwrap().handle;
        self.client.switch_to_window(second).await.unwrap();
        act(self.clone()).await;
        self.client.close_window().await.unwrap();
        self.client.switch_to_window(first).await.unwrap();
    }
}

/// A command of Chromium, with its parameters.
#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.to_string()))
    }
}
