//! An application behind a real socket.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{self, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse},
    rt,
};

/// Number of workers. With more than one it shows what workers do not share.
const WORKERS: usize = 4;

/// A running server, on a free port of the loopback interface and in a thread of its own. Stopped
/// when dropped.
pub struct Server {
    at: io::Result<SocketAddr>,
    running: Option<(ServerHandle, JoinHandle<()>)>,
}

/// Serves an application on four workers. `app` is what [`HttpServer::new`] takes: it makes the
/// application, once for each worker.
///
/// If the server cannot be started, every request says so.
pub fn serve<T, B>(app: impl Fn() -> App<T> + Clone + Send + 'static) -> Server
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        >,
    T: 'static,
    B: MessageBody + 'static,
{
    start(move |listener| {
        let server = HttpServer::new(app).workers(WORKERS).shutdown_timeout(1).disable_signals();
        Ok(server.listen(listener)?.run())
    })
    .unwrap_or_else(|error| Server { at: Err(error), running: None })
}

fn start(server: impl FnOnce(TcpListener) -> io::Result<dev::Server> + Send + 'static) -> io::Result<Server> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (started, is_started) = mpsc::channel();
    let thread = thread::spawn(move || {
        rt::System::new().block_on(async move {
            match server(listener) {
                Err(error) => _ = started.send(Err(error)),
                Ok(server) => {
                    let _ = started.send(Ok(server.handle()));
                    let _ = server.await;
                }
            }
        });
    });
    let handle = is_started.recv().map_err(io::Error::other)??;
    Ok(Server { at: Ok(address), running: Some((handle, thread)) })
}

impl Server {
    /// A server that runs already, of whatever kind.
    pub fn at(address: SocketAddr) -> Server {
        Server { at: Ok(address), running: None }
    }

    /// Address at which it listens.
    ///
    /// # Errors
    /// The reason for which it does not.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.at.as_ref().copied().map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((handle, thread)) = self.running.take() {
            // The command is sent when `stop` is called; the thread ends when the server has
            // stopped.
            drop(handle.stop(false));
            let _ = thread.join();
        }
    }
}
