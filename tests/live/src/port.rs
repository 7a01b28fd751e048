//! Ports of servers that can't be told to let the kernel choose one.

use std::{
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::process::deadline;

/// A port of loopback at which nobody listens.
#[track_caller]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Waits until somebody listens there. Nothing tells when that is, so it is tried.
#[track_caller]
pub fn await_port(port: u16) {
    let until = Instant::now() + deadline();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nobody listens at port {port}");
        thread::sleep(Duration::from_millis(20));
    }
}
