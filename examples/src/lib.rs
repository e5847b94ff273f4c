//! Code that the example programs share, and the README, whose code is compiled with them.

use std::{env, fmt::Display, net::TcpListener, process, time::Duration};

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// Listens on the loopback interface, on port `PORT` of the environment, 8080 where there is none,
/// any free one where it is 0.
///
/// The program ends where that is not possible, and says why.
pub fn listen() -> TcpListener {
    listen_on("8080")
}

/// Like [`listen`], with another port where the environment has none.
pub fn listen_on(default: &str) -> TcpListener {
    let port = env::var("PORT").unwrap_or(default.to_owned());
    let Ok(port) = port.parse::<u16>() else {
        give_up(format_args!("PORT has to be a number from 0 to 65535, not {port:?}"));
    };
    TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|error| {
        give_up(format_args!("cannot listen on port {port} ({error}); try another: PORT=8081 cargo run …"))
    })
}

/// The URL of what `listener` serves.
pub fn url(listener: &TcpListener) -> String {
    listener.local_addr().map_or_else(|error| give_up(error), |address| format!("http://{address}"))
}

/// Duration that the environment's variable `name` gives, in milliseconds; no time where there is
/// none.
///
/// The program ends where the value is no number, and says why.
pub fn millis(name: &str) -> Duration {
    Duration::from_millis(number(name, 0))
}

/// Number that the environment's variable `name` gives; `default` where there is none.
///
/// The program ends where the value is no number, and says why.
pub fn number(name: &str, default: u64) -> u64 {
    let Ok(number) = env::var(name) else { return default };
    number.parse().unwrap_or_else(|_| give_up(format_args!("{name} has to be a number, not {number:?}")))
}

/// Prints `what` and ends the program as failed.
pub fn give_up(what: impl Display) -> ! {
    eprintln!("{what}");
    process::exit(1)
}
