//! Gateways between a caller and a service, which change or hold what the caller sends.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

use idempotent_runtime::store::Token;

const HEADER: &[u8] = b"idempotency-key: ";
const KEY_LENGTH: usize = 36;

/// Passes connections on to `service`, for as long as the test's process lives, and returns where.
/// Every call has an idempotency key of its own.
pub(crate) fn rekeying(service: SocketAddr) -> SocketAddr {
    gateway(service, replace_key)
}

/// Passes connections on to `service`, for as long as the test's process lives, and returns where.
/// Each part of what a caller sends goes through `change` first.
pub(crate) fn gateway(
    service: SocketAddr,
    change: impl Fn(&mut [u8]) + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            let service = TcpStream::connect(service).unwrap();
            let (from, to) = (caller.try_clone().unwrap(), service.try_clone().unwrap());
            let change = change.clone();
            thread::spawn(move || pass(from, to, change));
            thread::spawn(move || pass(service, caller, |_| ()));
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: TcpStream, change: impl Fn(&mut [u8])) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        change(&mut chunk[..read]);
        if to.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Puts a random key of the same length in the place of the caller's.
fn replace_key(message: &mut [u8]) {
    let Some(at) = message.windows(HEADER.len()).position(|window| window == HEADER) else { return };
    let random = Token::random().unwrap().as_bytes().map(|byte| format!("{byte:02x}")).concat();
    let key = format!("{random:0>KEY_LENGTH$}");
    message[at + HEADER.len()..][..KEY_LENGTH].copy_from_slice(key.as_bytes());
}
