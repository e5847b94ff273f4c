//! A real actix-web server on a free port of the loopback interface, in a thread of its own.

use std::{net::SocketAddr, sync::mpsc, thread};

use actix_web::{App, HttpServer, dev::ServerHandle, rt, web};

/// A running server; stopped when dropped.
pub struct TestServer {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<thread::JoinHandle<()>>,
}

impl TestServer {
    /// Serves what `configure` registers, on `workers` workers, over HTTP/1.1 and HTTP/2 with prior
    /// knowledge.
    pub fn start(
        workers: usize,
        configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> TestServer {
        Self::start_with(workers, true, configure)
    }

    /// Like [`start`](Self::start), with the choice whether a half-closed HTTP/1.1 connection is
    /// still answered.
    pub fn start_with(
        workers: usize,
        half_closed: bool,
        configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> TestServer {
        let (started, is_started) = mpsc::channel();
        let thread = thread::spawn(move || {
            rt::System::new().block_on(async move {
                let app = move || App::new().configure(configure.clone());
                let server = HttpServer::new(app)
                    .workers(workers)
                    .h1_allow_half_closed(half_closed)
                    .backlog(8192)
                    .max_connections(50_000)
                    .shutdown_timeout(1)
                    .disable_signals()
                    .bind_auto_h2c(("127.0.0.1", 0))
                    .unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                started.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = is_started.recv().unwrap();
        TestServer { address, handle, thread: Some(thread) }
    }

    /// Address at which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl std::fmt::Debug for TestServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestServer({})", self.address)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // The command is sent when `stop` is called; the server's thread ends when it has stopped.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
