//! A Redis server for one measurement.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{
    Client, IntoConnectionInfo,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::TcpSettings,
};

/// A server on a free port that keeps all in memory only.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let options = ["--save", "", "--appendonly", "no", "--loglevel", "warning", "--port", &port];
        let process = Command::new("redis-server").args(options).stdout(Stdio::null()).spawn().unwrap();
        let url = format!("redis://127.0.0.1:{port}");
        let client = Client::open(url.as_str()).unwrap();
        while client.get_multiplexed_async_connection().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Server { process, url }
    }

    /// A connection for raw commands. Like the store's it sends each at once, and it waits for
    /// replies however long they take.
    pub(crate) async fn raw(&self) -> ConnectionManager {
        let at_once = TcpSettings::default().set_nodelay(true);
        let info = self.url.as_str().into_connection_info().unwrap().set_tcp_settings(at_once);
        let patient = ConnectionManagerConfig::new().set_response_timeout(None);
        Client::open(info).unwrap().get_connection_manager_with_config(patient).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
