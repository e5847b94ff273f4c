//! Two nodes of one service: processes that share a store, and can be killed.

use std::{net::SocketAddr, process::Stdio, sync::Mutex, time::Duration};

use idempotent_runtime::Idempotency;
use idempotent_tests::{
    Http1, Reply,
    scratch::Scratch,
    scripted::Script,
    space::Space,
    stalls::{Moment, Stalls},
    stores::with_store,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::MutexGuard,
    time::timeout,
};

/// Longest time that a node may take to start, or to answer, before the test gives up.
pub(crate) const NODE_TIMEOUT: Duration = Duration::from_secs(300);

/// A machine is enough for one service at a time.
static MACHINE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

// Dropped in this order: the nodes have ended when their place is emptied.
pub(crate) struct Service {
    nodes: [Mutex<Option<Child>>; 2],
    addresses: [SocketAddr; 2],
    killed: [Mutex<Option<Moment>>; 2],
    stalls: Stalls,
    node: Node,
    _machine: MutexGuard<'static, ()>,
}

impl Service {
    /// Starts two nodes on `store`, whose claims stand for `lease` without renewal. A folder of
    /// this service's own is put in the place of `{folder}`.
    pub(crate) async fn start(store: &str, lease: Duration) -> Service {
        Self::start_with(store, lease, 1).await
    }

    /// The same, with so many workers a node.
    pub(crate) async fn start_with(store: &str, lease: Duration, workers: usize) -> Service {
        let machine = MACHINE.lock().await;
        let folder = Scratch::new();
        let store = store.replace("{folder}", folder.file("").to_str().unwrap());
        let node = Node { space: Space::at(&store), store, lease, workers, folder };
        let (first, second) = (node.launch(0).await, node.launch(0).await);
        Service {
            _machine: machine,
            node,
            addresses: [first.1, second.1],
            nodes: [Mutex::new(Some(first.0)), Mutex::new(Some(second.0))],
            killed: Default::default(),
            stalls: Stalls::watch(),
        }
    }

    /// Kills a node, so that it can do nothing more, and starts it again.
    pub(crate) async fn kill(&self, node: usize) {
        let mut child = self.nodes[node].lock().unwrap().take().unwrap();
        *self.killed[node].lock().unwrap() = Some(self.now());
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        let (child, _) = self.node.launch(self.addresses[node].port()).await;
        *self.nodes[node].lock().unwrap() = Some(child);
    }

    /// Moment at which a node was last killed, if it ever was.
    pub(crate) fn killed(&self, node: usize) -> Option<Moment> {
        *self.killed[node].lock().unwrap()
    }

    pub(crate) fn now(&self) -> Moment {
        self.stalls.now()
    }

    /// Answer of a node; `None` where the connection broke.
    pub(crate) async fn ask(&self, node: usize, request: &[u8]) -> Option<Reply> {
        let mut connection = Http1::try_open(self.addresses[node]).await?;
        connection.send(request).await;
        timeout(NODE_TIMEOUT, connection.reply()).await.expect("an answer, or the end of the connection")
    }

    /// Blocks a worker of a node for so long, and waits until that is over.
    pub(crate) async fn block(&self, node: usize, time: Duration) {
        let millis = time.as_millis().to_string();
        let request = idempotent_tests::post("/block", &[], millis.as_bytes());
        assert_eq!(self.ask(node, &request).await.unwrap().status, 204);
    }

    /// Somebody on the same store who serves nothing.
    pub(crate) async fn operator(&self) -> Idempotency {
        let Node { store, space, lease, .. } = &self.node;
        let builder = Idempotency::builder().lease(*lease);
        with_store(builder, store, space.name(), &Script::default()).await.unwrap().build().unwrap()
    }

    /// Number of claims that a node has sent to its store.
    pub(crate) async fn claims(&self, node: usize) -> usize {
        self.number(node, "/claims").await
    }

    /// Number of requests to `/held` that wait at a node, if its handler has not been let go.
    pub(crate) async fn held(&self, node: usize) -> usize {
        self.number(node, "/arrived").await
    }

    /// Lets the handler of `/held` end, wherever it runs.
    pub(crate) async fn let_go(&self) {
        for node in 0..2 {
            let reply = self.ask(node, b"POST /open HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            assert_eq!(reply.status, 204);
        }
    }

    async fn number(&self, node: usize, path: &str) -> usize {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        self.ask(node, request.as_bytes()).await.unwrap().text().parse().unwrap()
    }

    /// The keys of all effects, in the order in which they happened.
    pub(crate) fn effects(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.node.folder.file("effects")).unwrap_or_default();
        text.lines().map(String::from).collect()
    }
}

/// Settings that the nodes of a service have in common.
struct Node {
    store: String,
    space: Space,
    lease: Duration,
    workers: usize,
    folder: Scratch,
}

impl Node {
    /// Starts a node, and waits until it serves.
    async fn launch(&self, port: u16) -> (Child, SocketAddr) {
        let log =
            std::fs::OpenOptions::new().append(true).create(true).open(self.folder.file("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_node"))
            .env("STORE", &self.store)
            .env("SPACE", self.space.name())
            .env("EFFECTS", self.folder.file("effects"))
            .env("LEASE_MS", self.lease.as_millis().to_string())
            .env("WORKERS", self.workers.to_string())
            .env("PORT", port.to_string())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(NODE_TIMEOUT, lines.next_line()).await.expect("a node starts").unwrap();
        let said = || std::fs::read_to_string(self.folder.file("log")).unwrap_or_default();
        let line = line.unwrap_or_else(|| panic!("the node ended: {}", said()));
        (child, line.parse().unwrap())
    }
}

/// A number that nobody else has.
pub(crate) fn uuid() -> String {
    let token = idempotent_runtime::store::Token::random().unwrap();
    token.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A request with this key, whose handler takes so many milliseconds before its effect and after
/// it.
pub(crate) fn request(path: &str, key: &str, before: u64, after: u64) -> Vec<u8> {
    let body = format!("{before} {after}");
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
